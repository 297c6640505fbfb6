"""Lines of a text that nobody vouches for."""

import io
from collections import deque
from dataclasses import dataclass

MAX_LINE_CHARS = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Line:
    """A line with its ending. `is_overlong` lines lost their text."""

    text: str
    is_overlong: bool = False


class Lines:
    r"""Lines of a UTF-8 text with or without a byte order mark, ending in LF, CRLF or CR.

    Bytes that are not UTF-8 become lone surrogates (`surrogateescape`), so that they spoil their row and no other.
    No line is held beyond `MAX_LINE_CHARS`. Lines may be given back.
    """

    def __init__(self, stream: io.RawIOBase) -> None:
        buffered = io.BufferedReader(stream, 1024 * 1024)
        self._text = io.TextIOWrapper(buffered, encoding="utf-8-sig", errors="surrogateescape", newline="")
        self._given_back: deque[Line] = deque()

    def next(self) -> Line | None:
        """The next line; None at the end."""
        if self._given_back:
            return self._given_back.popleft()
        text = self._text.readline(MAX_LINE_CHARS + 1)
        if not text:
            return None
        if len(text) <= MAX_LINE_CHARS:
            return Line(text)
        while text and not text.endswith(("\n", "\r")):
            text = self._text.readline(MAX_LINE_CHARS)
        return Line("", is_overlong=True)

    def give_back(self, lines: list[Line]) -> None:
        """Make these the next lines, in this order."""
        self._given_back.extendleft(reversed(lines))
