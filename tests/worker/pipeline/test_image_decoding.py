"""Pixels as the encoder sees them."""

import io

import pytest
from PIL import Image

from tests.worker.archives import image_bytes
from worker.pipeline.image_decoding import image_format, open_image, upright_rgb


def decoded(image: Image.Image, image_format: str = "PNG", **options: object) -> Image.Image:
    file = io.BytesIO()
    image.save(file, image_format, **options)
    return upright_rgb(open_image(file.getvalue()))


def pixel(image: Image.Image, at: tuple[int, int] = (0, 0)) -> object:
    return image.getpixel(at)


def test_an_opaque_image_keeps_its_colours() -> None:
    assert pixel(decoded(Image.new("RGB", (2, 2), (10, 20, 30)))) == (10, 20, 30)


@pytest.mark.parametrize("image", [Image.new("RGBA", (2, 2), (200, 0, 0, 0)), Image.new("LA", (2, 2), (9, 0))])
def test_transparent_parts_become_white(image: Image.Image) -> None:
    assert pixel(decoded(image)) == (255, 255, 255)


def test_a_transparent_palette_colour_becomes_white() -> None:
    image = Image.new("P", (2, 2), 0)
    image.putpalette([200, 0, 0, 0, 0, 200])
    image.putpixel((1, 1), 1)
    shown = decoded(image, transparency=0)
    assert (pixel(shown), pixel(shown, (1, 1))) == ((255, 255, 255), (0, 0, 200))


def test_sixteen_bit_grey_keeps_its_upper_bits() -> None:
    assert pixel(decoded(Image.new("I;16", (2, 2), 0x8000))) == (128, 128, 128)


def test_an_animation_shows_its_first_frame() -> None:
    frames = [Image.new("RGB", (4, 4), colour) for colour in ((250, 0, 0), (0, 250, 0))]
    shown = decoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert pixel(shown) == (250, 0, 0)


@pytest.mark.parametrize(
    ("orientation", "corner"),
    [(1, (0, 0)), (2, (1, 0)), (3, (1, 2)), (4, (0, 2)), (5, (0, 0)), (6, (2, 0)), (7, (2, 1)), (8, (0, 1))],
)
def test_an_image_is_turned_as_its_exif_says(orientation: int, corner: tuple[int, int]) -> None:
    image = Image.new("RGB", (2, 3), "black")
    image.putpixel((0, 0), (255, 255, 255))
    exif = Image.Exif()
    exif[0x0112] = orientation
    shown = decoded(image, exif=exif)
    assert shown.size == ((2, 3) if orientation < 5 else (3, 2))
    assert pixel(shown, corner) == (255, 255, 255)


def test_bytes_of_no_known_format() -> None:
    assert image_format(b"") is None
    with pytest.raises(ValueError, match="known format"):
        open_image(b"hello")


def test_the_name_of_a_format_is_found_by_its_first_bytes() -> None:
    assert image_format(image_bytes(image_format="WEBP")[:32]) == "WEBP"
