"""Text that a user wrote, made safe to store and to quote in a message."""

_MAX_CHARS = 500


def is_valid_text(text: str) -> bool:
    """Whether PostgreSQL can store the text: no lone surrogates (bytes that were not UTF-8 read as such)."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def storable_name(name: str) -> str:
    """A member's name as it is, unless PostgreSQL cannot store it; then as `printable` shows it."""
    return name if is_valid_text(name) else printable(name)


def printable(text: str) -> str:
    r"""The text with bytes that were not UTF-8 as `\xNN`, NUL as `\x00`, and its end cut off when it is very long."""
    try:
        shown = text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    except UnicodeEncodeError:  # a surrogate that a JSON escape made, not an undecodable byte
        shown = text.encode("utf-8", "backslashreplace").decode("utf-8")
    shown = shown.replace("\0", "\\x00")
    return shown if len(shown) <= _MAX_CHARS else f"{shown[:_MAX_CHARS]}…"
