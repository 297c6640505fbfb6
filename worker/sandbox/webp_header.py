"""The size that a WebP file declares, read without its decoder, which takes memory for all pixels as it opens."""

_KIND = slice(12, 16)  # of the first chunk
_BODY = 20
_14_BITS = 0x3FFF


def webp_size(data: bytes) -> tuple[int, int] | None:
    """Width and height in pixels; None where the header is cut off or of no known kind."""
    kind, body = data[_KIND], data[_BODY : _BODY + 10]
    if len(body) < 10:
        return None
    if kind == b"VP8X":
        return 1 + int.from_bytes(body[4:7], "little"), 1 + int.from_bytes(body[7:10], "little")
    if kind == b"VP8L":
        bits = int.from_bytes(body[1:5], "little")
        return 1 + (bits & _14_BITS), 1 + (bits >> 14 & _14_BITS)
    if kind == b"VP8 ":
        return int.from_bytes(body[6:8], "little") & _14_BITS, int.from_bytes(body[8:10], "little") & _14_BITS
    return None
