"""Lines of a text that nobody vouches for."""

import io
from collections import deque
from dataclasses import dataclass

from worker.pipeline.importing.text_encoding import sniff_encoding

MAX_LINE_CHARS = 1024 * 1024
_BUFFER_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Line:
    """A line with its ending, and where it begins in the file. `is_overlong` lines lost their text."""

    text: str
    is_overlong: bool = False
    offset: int = 0


class Lines:
    r"""Lines of a UTF-8 or UTF-16 text with or without a byte order mark, ending in LF, CRLF or CR.

    Bytes that are no text become lone surrogates, so that they spoil their row and no other. No line is held beyond
    `MAX_LINE_CHARS`. Lines may be given back.

    Raises:
        UnknownEncodingError: another encoding.
    """

    def __init__(self, stream: io.RawIOBase) -> None:
        buffered = io.BufferedReader(stream, _BUFFER_BYTES)
        self._encoding = sniff_encoding(buffered.peek(_BUFFER_BYTES))
        self._offset = len(buffered.read(self._encoding.n_mark_bytes))
        self._text = io.TextIOWrapper(buffered, encoding=self._encoding.codec, errors=self._encoding.errors, newline="")
        self._given_back: deque[Line] = deque()

    def next(self) -> Line | None:
        """The next line; None at the end."""
        if self._given_back:
            return self._given_back.popleft()
        start = self._offset
        text = self._read(MAX_LINE_CHARS + 1)
        if not text:
            return None
        if len(text) <= MAX_LINE_CHARS:
            return Line(text, offset=start)
        while text and not text.endswith(("\n", "\r")):
            text = self._read(MAX_LINE_CHARS)
        return Line("", is_overlong=True, offset=start)

    def close(self) -> None:
        """Close the stream beneath as well."""
        self._text.close()

    def give_back(self, lines: list[Line]) -> None:
        """Make these the next lines, in this order."""
        self._given_back.extendleft(reversed(lines))

    def _read(self, n_chars: int) -> str:
        text = self._text.readline(n_chars)
        self._offset += self._encoding.n_bytes(text)
        return text
