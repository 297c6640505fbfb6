"""Bytes that are images, and bytes that are not."""

import io

import pytest
from PIL import Image

from app.core.models import RejectionCode
from tests.worker.archives import image_bytes
from worker.pipeline.importing.image_check import CheckedImage, ImageFaultError, check_image

_MAX_PIXELS = 10_000


def saved(image: Image.Image, image_format: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, image_format, **options)
    return file.getvalue()


def fault_of(data: bytes) -> RejectionCode:
    with pytest.raises(ImageFaultError) as caught:
        check_image(data, max_pixels=_MAX_PIXELS)
    return caught.value.fault.code


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
def test_every_allowed_format(image_format: str) -> None:
    data = image_bytes(side_px=20, image_format=image_format)
    assert check_image(data, max_pixels=_MAX_PIXELS) == CheckedImage(20, 20, f"image/{image_format.lower()}", 1)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGBA", "LA", "CMYK", "I;16", "I", "F"])
def test_every_mode_that_a_format_can_hold(mode: str) -> None:
    image_format = "TIFF" if mode in {"CMYK", "F", "I"} else "PNG"
    data = saved(Image.new(mode, (5, 6)), image_format)
    checked = check_image(data, max_pixels=_MAX_PIXELS)
    assert (checked.width_px, checked.height_px) == (5, 6)


def test_the_size_is_that_of_the_upright_image() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    data = saved(Image.new("RGB", (10, 20)), "JPEG", exif=exif)
    checked = check_image(data, max_pixels=_MAX_PIXELS)
    assert (checked.width_px, checked.height_px) == (20, 10)


def test_an_animation_counts_its_frames() -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "green", "blue")]
    data = saved(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert check_image(data, max_pixels=_MAX_PIXELS).n_frames == 3


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
    assert fault_of(data) is RejectionCode.NOT_AN_IMAGE


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_file_that_is_cut_off(image_format: str, share: float) -> None:
    image = Image.effect_noise((60, 60), 90).convert("RGB")  # noise, so that the pixels are most of the file
    data = saved(image, image_format)
    # A format that keeps its directory at the end shows no magic of another kind.
    assert fault_of(data[: int(len(data) * share)]) is RejectionCode.TRUNCATED_IMAGE


def test_an_image_over_the_limit_is_known_by_its_header() -> None:
    header = image_bytes(side_px=101)[:100]  # no pixel of it could be decoded
    assert fault_of(header) is RejectionCode.IMAGE_TOO_LARGE


def test_the_parser_is_chosen_by_the_bytes_alone() -> None:
    polyglot = image_bytes(image_format="GIF") + b"<script>alert(1)</script>"
    assert check_image(polyglot, max_pixels=_MAX_PIXELS).media_type == "image/gif"
