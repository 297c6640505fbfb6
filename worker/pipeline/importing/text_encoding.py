"""Which encoding a text file is in, from its first bytes."""

import codecs
from dataclasses import dataclass

_SAMPLE_BYTES = 512
_MANY = 0.7  # of the high bytes of ASCII letters in UTF-16 are zero; captions in other scripts still have spaces

ESCAPE = "mispair.escape"


@dataclass(frozen=True)
class TextEncoding:
    """A codec, its error handler, and how many bytes of a byte order mark come first."""

    codec: str
    errors: str
    n_mark_bytes: int

    def n_bytes(self, text: str) -> int:
        """How many bytes of the file a decoded text came from."""
        return len(text.encode(self.codec, self.errors if self.codec == "utf-8" else "surrogatepass"))


class UnknownEncodingError(ValueError):
    """The text is in an encoding that is not read."""


def sniff_encoding(head: bytes) -> TextEncoding:
    """UTF-8 with or without a mark, or UTF-16. What is neither is read as UTF-8, and its rows show where it is not.

    Raises:
        UnknownEncodingError: UTF-32.
    """
    if head.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        raise UnknownEncodingError("it is UTF-32 text; save it as UTF-8")
    if head.startswith(codecs.BOM_UTF8):
        return TextEncoding("utf-8", "surrogateescape", len(codecs.BOM_UTF8))
    if head.startswith(codecs.BOM_UTF16_LE):
        return TextEncoding("utf-16-le", ESCAPE, len(codecs.BOM_UTF16_LE))
    if head.startswith(codecs.BOM_UTF16_BE):
        return TextEncoding("utf-16-be", ESCAPE, len(codecs.BOM_UTF16_BE))
    even, odd = (_zero_share(head[start:_SAMPLE_BYTES:2]) for start in (0, 1))
    if odd > _MANY and not even:
        return TextEncoding("utf-16-le", ESCAPE, 0)
    if even > _MANY and not odd:
        return TextEncoding("utf-16-be", ESCAPE, 0)
    return TextEncoding("utf-8", "surrogateescape", 0)


def _zero_share(data: bytes) -> float:
    return data.count(0) / len(data) if data else 0.0


def _escape(error: UnicodeError) -> tuple[str, int]:
    """A lone surrogate for what UTF-16 cannot hold, so that it spoils its row and no other."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return "\udcff", error.end


codecs.register_error(ESCAPE, _escape)
