"""Bytes that are images, and bytes that are not."""

import io

import pytest
from PIL import Image

from app.core.models import RejectionCode
from tests.worker.archives import image_bytes
from worker.sandbox.normalising import ImageFacts, ImageRefusal, ImageRefusedError, NormalisedImage, normalise_image

_MAX_PIXELS = 10_000


def saved(image: Image.Image, image_format: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, image_format, **options)
    return file.getvalue()


def facts_of(data: bytes) -> ImageFacts:
    return normalise_image(data, max_pixels=_MAX_PIXELS).facts


def normal_of(data: bytes, *, max_pixels: int = _MAX_PIXELS) -> Image.Image:
    normal = normalise_image(data, max_pixels=max_pixels).normal
    assert normal is not None
    return Image.open(io.BytesIO(normal), formats=["JPEG"])


def fault_of(data: bytes) -> ImageRefusal:
    with pytest.raises(ImageRefusedError) as caught:
        normalise_image(data, max_pixels=_MAX_PIXELS)
    return caught.value.code


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
def test_every_allowed_format(image_format: str) -> None:
    data = image_bytes(side_px=20, image_format=image_format)
    assert facts_of(data) == ImageFacts(20, 20, f"image/{image_format.lower()}", 1)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGBA", "LA", "CMYK", "I;16", "I", "F"])
def test_every_mode_that_a_format_can_hold(mode: str) -> None:
    image_format = "TIFF" if mode in {"CMYK", "F", "I"} else "PNG"
    data = saved(Image.new(mode, (5, 6)), image_format)
    checked = facts_of(data)
    assert (checked.width_px, checked.height_px) == (5, 6)


def test_the_size_is_that_of_the_upright_image() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = saved(Image.new("RGB", (10, 20)), "JPEG", exif=exif)
    checked = facts_of(data)
    assert (checked.width_px, checked.height_px) == (20, 10)


def test_an_animation_counts_its_frames() -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "green", "blue")]
    data = saved(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert facts_of(data).n_frames == 3


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0",
        b"<html>404</html>",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"%!PS-Adobe-3.0 EPSF-3.0\n",
        b"%PDF-1.7\n",
        b"8BPS\0\1",
        b"SIMPLE  =                    T",
        b"BM is how this text begins, and it is no bitmap",
        b"RIFF\0\0\0\0WAVE",
    ],
)
def test_what_is_no_image(data: bytes) -> None:
    assert fault_of(data) is ImageRefusal.NOT_AN_IMAGE


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_file_that_is_cut_off(image_format: str, share: float) -> None:
    image = Image.effect_noise((60, 60), 90).convert("RGB")  # noise, so that the pixels are most of the file
    data = saved(image, image_format)
    # A format that keeps its directory at the end shows no magic of another kind.
    assert fault_of(data[: int(len(data) * share)]) is ImageRefusal.TRUNCATED_IMAGE


def test_an_image_over_the_limit_is_known_by_its_header() -> None:
    header = image_bytes(side_px=101)[:100]  # no pixel of it could be decoded
    assert fault_of(header) is ImageRefusal.IMAGE_TOO_LARGE


def test_the_parser_is_chosen_by_the_bytes_alone() -> None:
    polyglot = image_bytes(image_format="GIF") + b"<script>alert(1)</script>"
    assert facts_of(polyglot).media_type == "image/gif"


def test_every_refusal_is_a_rejection_code() -> None:
    assert {refusal.value for refusal in ImageRefusal} <= {code.value for code in RejectionCode}


class TestNormalForm:
    @pytest.mark.parametrize(("mode", "image_format"), [("RGB", "JPEG"), ("L", "JPEG"), ("RGB", "PNG"), ("L", "PNG")])
    def test_a_plain_image_needs_none(self, mode: str, image_format: str) -> None:
        data = saved(Image.new(mode, (9, 9)), image_format)
        assert normalise_image(data, max_pixels=_MAX_PIXELS) == NormalisedImage(facts_of(data), None)

    @pytest.mark.parametrize(
        ("mode", "image_format"),
        [
            ("CMYK", "JPEG"),
            ("RGBA", "PNG"),
            ("P", "PNG"),
            ("I;16", "PNG"),
            ("1", "PNG"),
            ("RGB", "WEBP"),
            ("RGB", "BMP"),
        ],
    )
    def test_another_becomes_rgb(self, mode: str, image_format: str) -> None:
        normal = normal_of(saved(Image.new(mode, (9, 8)), image_format))
        assert (normal.mode, normal.size) == ("RGB", (9, 8))

    def test_a_turned_image_becomes_upright_and_keeps_no_metadata(self) -> None:
        image = Image.new("RGB", (40, 20), "red")
        image.paste("blue", (20, 0, 40, 20))
        exif = Image.Exif()
        exif[0x0112] = 6  # its right side is the bottom of the picture
        exif[0x010E] = "secret"
        normal = normal_of(saved(image, "JPEG", exif=exif))
        assert (normal.size, dict(normal.getexif())) == ((20, 40), {})
        top, bottom = normal.getpixel((10, 5)), normal.getpixel((10, 35))
        assert isinstance(top, tuple)
        assert isinstance(bottom, tuple)
        assert (top[0] > 200, bottom[2] > 200) == (True, True)

    def test_transparent_parts_become_white(self) -> None:
        assert normal_of(saved(Image.new("RGBA", (8, 8), (0, 0, 0, 0)), "PNG")).getpixel((4, 4)) == (255, 255, 255)

    def test_of_an_animation_it_is_the_first_frame(self) -> None:
        frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
        normal = normal_of(saved(frames[0], "GIF", save_all=True, append_images=frames[1:]))
        assert normal.getpixel((4, 4)) == pytest.approx((255, 0, 0), abs=5)

    def test_a_large_image_becomes_small_whatever_its_mode(self) -> None:
        file = io.BytesIO()
        Image.new("I;16", (6_000, 4_500), 65_535).save(file, "PNG")
        normal = normal_of(file.getvalue(), max_pixels=30_000_000)
        assert (normal.size, normal.getpixel((5, 5))) == ((1024, 768), (255, 255, 255))

    def test_a_large_turned_image_is_turned_once(self) -> None:
        exif = Image.Exif()
        exif[0x0112] = 8
        data = saved(Image.new("RGB", (6_000, 4_500)), "TIFF", exif=exif, compression="tiff_deflate")
        assert normal_of(data, max_pixels=30_000_000).size == (768, 1024)
