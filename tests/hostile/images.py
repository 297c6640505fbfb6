"""Hostile image files."""

import csv
import io
import random
import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from PIL import Image

from tests.hostile.items import HostileImage, picture
from tests.hostile.zip_writing import members, zipped

_FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "BMP", "TIFF")
_SIDE = 65_535
_NO_IMAGE, _TOO_LARGE, _TRUNCATED = "not_an_image", "image_too_large", "truncated_image"


def hostile_images() -> Iterator[HostileImage]:
    """Each with the code that its row must get."""
    for made in (_bombs, _truncated, _not_images, _polyglots, _exif, _frames, _modes, _damaged):
        yield from made()


def corpus_of(images: Sequence[HostileImage]) -> bytes:
    """A zip with all of them under numbers as names, and a table with one row each, in their order."""
    table = io.StringIO()
    rows = csv.writer(table)
    rows.writerow(("image", "caption"))
    files: dict[str, bytes] = {}
    for number, image in enumerate(images):
        name = f"{number:04d}{PurePosixPath(image.name).suffix}"
        files[name] = image.data
        rows.writerow((name, image.name))
    return zipped(members({"captions.csv": table.getvalue().encode()} | files))


def _saved(image: Image.Image, image_format: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, image_format, **options)
    return file.getvalue()


def _noise(side_px: int = 48) -> Image.Image:
    return Image.frombytes("RGB", (side_px, side_px), random.Random(5).randbytes(side_px * side_px * 3))  # noqa: S311


def _bombs() -> Iterator[HostileImage]:
    made = {
        "png": _png(_SIDE, _SIDE),
        "gif": b"GIF89a" + struct.pack("<HH", _SIDE, _SIDE) + b"\0\0\0" + _gif_frame(_SIDE, _SIDE) + b";",
        "bmp": b"BM"
        + struct.pack("<LLL", 58, 0, 54)
        + struct.pack("<LllHHLLllLL", 40, _SIDE, _SIDE, 1, 24, *[0] * 6)
        + bytes(4),
        "tiff": _tiff({256: _SIDE, 257: _SIDE, 258: 8, 259: 1, 262: 1, 273: 8, 277: 1, 278: _SIDE, 279: 8}),
        "jpg": _jpeg_of_size(_SIDE, _SIDE),
    }
    for suffix, data in made.items():
        yield HostileImage(f"bomb 65535 squared.{suffix}", data, _TOO_LARGE)
    yield HostileImage("bomb 16383 squared.webp", _webp_of_size(16_383), _TOO_LARGE)
    yield HostileImage("bomb 2^31 - 1 squared.png", _png(2**31 - 1, 2**31 - 1), _TOO_LARGE)
    yield HostileImage("no pixels.png", _png(0, 0), _TRUNCATED)
    text = zlib.compress(b"\0" * (64 * 2**20), 9)
    yield HostileImage("bomb in a comment.png", _png(8, 8, (b"zTXt", b"Comment\0\0" + text)), _TRUNCATED)
    yield HostileImage("bomb in a profile.png", _png(8, 8, (b"iCCP", b"profile\0\0" + text)), _TRUNCATED)
    few = zlib.compress(b"\0" * 100)
    yield HostileImage("9,000 squared of 100 bytes.png", _png(9_000, 9_000, data=few), _TRUNCATED)


def _png(width: int, height: int, *chunks: tuple[bytes, bytes], data: bytes | None = None) -> bytes:
    """A grey PNG with these chunks behind its header."""
    rows = zlib.compress(bytes((1 + 8) * 8)) if data is None else data
    head = struct.pack(">LLBBBBB", width, height, 8, 0, 0, 0, 0)
    body = b"".join(_chunk(*chunk) for chunk in ((b"IHDR", head), *chunks, (b"IDAT", rows), (b"IEND", b"")))
    return b"\x89PNG\r\n\x1a\n" + body


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">L", len(data)) + kind + data + struct.pack(">L", zlib.crc32(kind + data))


def _gif_frame(width: int, height: int) -> bytes:
    return b"," + struct.pack("<HHHHB", 0, 0, width, height, 0) + b"\x02\x02D\x01\0"


def _tiff(entries: dict[int, int]) -> bytes:
    """A grey TIFF whose directory lies behind 8 bytes of pixels; every entry is a LONG."""
    directory = b"".join(struct.pack("<HHLL", tag, 4, 1, value) for tag, value in sorted(entries.items()))
    return b"II*\0" + struct.pack("<L", 16) + bytes(8) + struct.pack("<H", len(entries)) + directory + bytes(4)


def _jpeg_of_size(width: int, height: int) -> bytes:
    data = bytearray(picture("JPEG"))
    at = data.index(b"\xff\xc0")
    struct.pack_into(">HH", data, at + 5, height, width)
    return bytes(data)


def _webp_of_size(side_px: int) -> bytes:
    """A lossless WebP whose header claims a size."""
    data = bytearray(_saved(Image.new("RGB", (8, 8)), "WEBP", lossless=True))
    at = data.index(b"VP8L") + 9
    bits = int.from_bytes(data[at : at + 4], "little") >> 28 << 28
    data[at : at + 4] = (bits | (side_px - 1) << 14 | (side_px - 1)).to_bytes(4, "little")
    return bytes(data)


def _truncated() -> Iterator[HostileImage]:
    for image_format in _FORMATS:
        data = _saved(_noise(), image_format)
        for tenth in range(1, 10):
            cut = data[: len(data) * tenth // 10]
            yield HostileImage(f"{image_format} cut off at {tenth}0 %.{image_format.lower()}", cut, _TRUNCATED)
        yield HostileImage(f"the first 2 bytes of {image_format}.{image_format.lower()}", data[:2], _NO_IMAGE)


def _not_images() -> Iterator[HostileImage]:
    svg = b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><script>alert(1)</script></svg>'
    for what, data in {
        "empty": b"",
        "one byte": b"\xff",
        "HTML": b"<!DOCTYPE html><html><body>404 Not Found</body></html>",
        "SVG": svg,
        "SVG with a declaration": b'<?xml version="1.0"?>' + svg,
        "EPS": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(/etc/passwd) (r) file\n",
        "EPS of DOS": b"\xc5\xd0\xd3\xc6" + bytes(60),
        "PDF": b"%PDF-1.7\n1 0 obj\n<</Type/Catalog>>\nendobj\n",
        "PSD": b"8BPS\0\1" + bytes(6) + struct.pack(">HLLHH", 3, 8, 8, 8, 3) + bytes(20),
        "FITS": b"SIMPLE  =                    T".ljust(2_880),
        "ICO": b"\0\0\1\0\1\0" + bytes(60),
        "a program": b"\x7fELF" + bytes(60),
        "a script": b"#!/bin/sh\necho harm\n",
        "a zip": b"PK\3\4" + bytes(60),
        "a pickle": b"\x80\x04cos\nsystem\n(S'true'\ntR.",
        "ImageMagick commands": b"push graphic-context\nviewbox 0 0 9 9\nfill 'url(https://127.0.0.1/)'\n",
        "text that begins as BMP": b"BMW, a car, and not an image of one",
        "RIFF that is no WebP": b"RIFF" + struct.pack("<L", 36) + b"WAVEfmt " + bytes(28),
    }.items():
        yield HostileImage(f"{what}.jpg", data, _NO_IMAGE)
    for image_format in ("ICO", "TGA", "PPM", "SGI", "PCX", "EPS", "DDS", "ICNS"):
        image = Image.new("RGB", (32, 32))
        yield HostileImage(f"{image_format}.png", _saved(image, image_format), _NO_IMAGE)


def _polyglots() -> Iterator[HostileImage]:
    page = b"<script>alert(1)</script>"
    for image_format in _FORMATS:
        data = picture(image_format)
        name = f"{image_format} with HTML behind it.html"
        yield HostileImage(name, data + page, None)
        yield HostileImage(f"HTML with {image_format} behind it.{image_format.lower()}", page + data, _NO_IMAGE)
    yield HostileImage("JPEG that is a zip.zip", picture("JPEG") + b"PK\5\6" + bytes(18), None)
    comment = b"\xff\xd8\xff\xfe" + struct.pack(">H", 2 + len(page)) + page + picture("JPEG")[2:]
    yield HostileImage("JPEG with a script as comment.jpg", comment, None)
    yield HostileImage("GIF that is JavaScript.js", b"GIF89a/*" + picture("GIF")[8:] + b"*/=1;", None)
    yield HostileImage("a PNG called JPEG.jpg", picture("PNG", side_px=11), None)


def _exif() -> Iterator[HostileImage]:
    for orientation in (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 255, 65_535):
        exif = Image.Exif()
        exif[0x0112] = orientation
        yield HostileImage(f"orientation {orientation}.jpg", _saved(Image.new("RGB", (9, 5)), "JPEG", exif=exif), None)
    head = b"Exif\0\0II*\0"
    for what, data in {
        "no directory": head,
        "a directory beyond the end": head + struct.pack("<L", 2**31),
        "a directory that is its own next": head + struct.pack("<LHL", 8, 0, 8),
        "65,535 entries": head + struct.pack("<LH", 8, _SIDE) + bytes(120),
        "an entry of 4 GiB": head + struct.pack("<LH", 8, 1) + struct.pack("<HHLL", 0x0112, 2, 2**32 - 1, 8) + bytes(4),
        "a text as orientation": head
        + struct.pack("<LH", 8, 1)
        + struct.pack("<HHL4s", 0x0112, 2, 4, b"up\0\0")
        + bytes(4),
        "no end": head[:7],
    }.items():
        yield HostileImage(f"EXIF with {what}.jpg", _with_exif(data), None)


def _with_exif(data: bytes) -> bytes:
    return b"\xff\xd8\xff\xe1" + struct.pack(">H", 2 + len(data)) + data + picture("JPEG", side_px=7)[2:]


def _frames() -> Iterator[HostileImage]:
    frames = [Image.new("P", (4, 4), n) for n in (1, 2)]
    for image_format in ("GIF", "WEBP", "PNG", "TIFF"):
        data = _saved(frames[0], image_format, save_all=True, append_images=frames[1:])
        yield HostileImage(f"two frames.{image_format.lower()}", data, None)
    head = b"GIF89a" + struct.pack("<HHBBB", 4, 4, 0xF0, 0, 0) + bytes(3) + b"\xff\xff\xff"
    yield HostileImage("100,000 frames.gif", head + _gif_frame(4, 4) * 100_000 + b";", None)
    control = struct.pack(">LL", 2**31 - 1, 0)
    yield HostileImage("2^31 - 1 frames.png", _png(8, 8, (b"acTL", control)), None)
    first = _tiff({256: 8, 257: 1, 258: 8, 259: 1, 262: 1, 273: 8, 277: 1, 278: 1, 279: 8})
    loop = first[:-4] + struct.pack("<L", 16)
    yield HostileImage("a frame that is its own next.tiff", loop, None)


def _modes() -> Iterator[HostileImage]:
    for image_format, modes in {
        "PNG": ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"),
        "TIFF": ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "I", "F", "I;16", "I;16B"),
        "JPEG": ("L", "RGB", "CMYK", "YCbCr"),
        "GIF": ("1", "L", "P"),
        "WEBP": ("RGB", "RGBA"),
        "BMP": ("1", "L", "P", "RGB", "RGBA"),
    }.items():
        for mode in modes:
            data = _saved(Image.new(mode, (6, 7)), image_format)
            yield HostileImage(f"{mode.replace(';', '')} as.{image_format.lower()}", data, None)
    options = {"transparency": 0}
    yield HostileImage("a palette with transparency.png", _saved(Image.new("P", (6, 7)), "PNG", **options), None)
    broken = _saved(Image.new("RGB", (6, 7)), "JPEG", icc_profile=b"no profile" * 9)
    yield HostileImage("a profile that is none.jpg", broken, None)


def _damaged() -> Iterator[HostileImage]:
    png = bytearray(_saved(_noise(), "PNG"))
    png[len(png) // 2] ^= 0xFF
    yield HostileImage("a flipped byte.png", bytes(png), _TRUNCATED)
    yield HostileImage("a chunk of 2 GiB.png", _png(8, 8)[:33] + struct.pack(">L", 2**31 - 1) + b"IDAT", _TRUNCATED)
    yield HostileImage("no chunks.png", b"\x89PNG\r\n\x1a\n", _TRUNCATED)
    yield HostileImage("no directory.tiff", b"II*\0" + struct.pack("<L", 0xFFFFFFF0), _TRUNCATED)
    strip = {256: 8, 257: 1, 258: 8, 259: 1, 262: 1, 273: 0xFFFFFF00, 277: 1, 278: 1, 279: 0xFFFFFF00}
    yield HostileImage("a strip of 4 GiB.tiff", _tiff(strip), _TRUNCATED)
    yield HostileImage("nothing behind its start.jpg", b"\xff\xd8\xff", _TRUNCATED)
    yield HostileImage("a segment of no length.jpg", b"\xff\xd8\xff\xe0\0\0" + picture("JPEG")[2:], None)
