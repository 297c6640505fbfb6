import struct
import zlib

import pytest
from PIL import Image

from app.core.errors import InvalidPayloadError, TooLargeError, UnsupportedTypeError
from app.images.decoding import IMAGE_FORMATS, decode_image, to_upright_rgb
from tests.app.images.pictures import encoded, plain_png
from worker.pipeline.image_decoding import upright_rgb

MAX = 1_000_000


def _png_that_claims(width: int, height: int) -> bytes:
    """A PNG whose header tells a size that its few bytes could never fill."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", zlib.compress(b"\0" * 100))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


class TestDecodeImage:
    @pytest.mark.parametrize("image_format", IMAGE_FORMATS)
    def test_every_allowed_format_is_read(self, image_format: str) -> None:
        image = decode_image(encoded(Image.new("RGB", (8, 6), "white"), image_format), max_pixels=MAX)
        assert (image.mode, image.size) == ("RGB", (8, 6))

    def test_another_format_is_refused_by_its_bytes(self) -> None:
        with pytest.raises(UnsupportedTypeError, match="allowed are JPEG, PNG"):
            decode_image(encoded(Image.new("RGB", (8, 8)), "PPM"), max_pixels=MAX)

    def test_bytes_that_are_no_image_are_refused(self) -> None:
        with pytest.raises(UnsupportedTypeError):
            decode_image(b"<svg xmlns='http://www.w3.org/2000/svg'/>", max_pixels=MAX)

    def test_too_many_pixels_are_refused_before_they_are_decoded(self) -> None:
        with pytest.raises(TooLargeError, match="2000 x 2000 pixels; at most 1000000"):
            decode_image(_png_that_claims(2000, 2000), max_pixels=MAX)

    def test_a_size_over_pillows_own_limit_is_refused_too(self) -> None:
        with pytest.raises(TooLargeError, match="60000 x 60000 pixels"):
            decode_image(_png_that_claims(60_000, 60_000), max_pixels=MAX)

    def test_a_truncated_image_is_told_as_damaged(self) -> None:
        whole = encoded(Image.effect_noise((200, 200), 90).convert("RGB"), "JPEG")
        with pytest.raises(InvalidPayloadError, match="truncated or damaged"):
            decode_image(whole[: len(whole) // 2], max_pixels=MAX)

    def test_it_is_turned_as_its_exif_says(self) -> None:
        exif = Image.Exif()
        exif[0x0112] = 6  # orientation: turn right
        data = encoded(Image.new("RGB", (40, 20)), "JPEG", exif=exif)
        assert decode_image(data, max_pixels=MAX).size == (20, 40)

    def test_the_first_frame_of_an_animation_counts(self) -> None:
        frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
        data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
        assert decode_image(data, max_pixels=MAX).getpixel((4, 4)) == (255, 0, 0)

    @pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGBA", "I;16", "CMYK"])
    def test_every_colour_mode_becomes_rgb(self, mode: str) -> None:
        data = encoded(Image.new(mode, (8, 8)), "TIFF" if mode == "CMYK" else "PNG")
        assert decode_image(data, max_pixels=MAX).mode == "RGB"

    def test_a_jpeg_may_be_decoded_smaller(self) -> None:
        data = encoded(Image.new("RGB", (800, 400)), "JPEG")
        small = decode_image(data, max_pixels=MAX, shrink_to_px=100)
        assert 100 <= max(small.size) < 800

    def test_a_plain_image_keeps_its_colour(self) -> None:
        assert decode_image(plain_png(colour="blue"), max_pixels=MAX).getpixel((0, 0)) == (0, 0, 255)


def _gradient(mode: str) -> Image.Image:
    """An image with many values and, where the mode has it, transparency."""
    grey = Image.linear_gradient("L").resize((32, 32))
    if mode == "I;16":
        return Image.frombytes("I;16", (32, 32), struct.pack("<1024H", *(value * 63 for value in range(1024))))
    if mode in ("LA", "RGBA"):
        image = grey.convert(mode)
        image.putalpha(grey.rotate(90))
        return image
    return grey.convert(mode)


class TestToUprightRgb:
    @pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGBA", "I;16", "RGB", "CMYK", "YCbCr", "HSV"])
    def test_the_pixels_are_those_that_the_import_sees(self, mode: str) -> None:
        ours, theirs = to_upright_rgb(_gradient(mode)), upright_rgb(_gradient(mode))
        assert ours.tobytes() == theirs.tobytes()

    def test_transparent_parts_become_white(self) -> None:
        assert to_upright_rgb(Image.new("RGBA", (1, 1), (255, 0, 0, 0))).getpixel((0, 0)) == (255, 255, 255)

    def test_16_bit_grey_keeps_its_upper_bits(self) -> None:
        image = Image.frombytes("I;16", (2, 1), struct.pack("<2H", 0x8000, 0xFFFF))
        assert [to_upright_rgb(image).getpixel((x, 0)) for x in (0, 1)] == [(128,) * 3, (255,) * 3]
