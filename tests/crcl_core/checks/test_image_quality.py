import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter

from crcl_core.checks import IMAGE_THRESHOLDS, ImageIssue, measure_image
from crcl_core.checks.image_quality import MEASURED


def textured(width: int = 200, height: int = 160, seed: int = 0) -> Image.Image:
    """A picture with coarse and fine structure: rectangles of many tones."""
    random = np.random.default_rng(seed)
    image = Image.new("RGB", (width, height), "white")
    draw = ImageDraw.Draw(image)
    for _ in range(150):
        left, top = int(random.integers(0, width)), int(random.integers(0, height))
        colour = tuple(int(value) for value in random.integers(0, 256, 3))
        draw.rectangle((left, top, left + int(random.integers(2, 30)), top + int(random.integers(2, 30))), fill=colour)
    return image


def flags(image: Image.Image) -> set[ImageIssue]:
    scores = measure_image(image).scores
    assert all(0 <= score <= 1 for score in scores)
    return {issue for issue, score in zip(MEASURED, scores, strict=True) if score < IMAGE_THRESHOLDS[issue]}


def n_differing_bits(first: Image.Image, second: Image.Image) -> int:
    return int((measure_image(first).hash_bits != measure_image(second).hash_bits).sum())


class TestMeasureImage:
    def test_a_clear_picture_has_no_flag(self) -> None:
        assert flags(textured()) == set()

    def test_black_is_dark_and_blank(self) -> None:
        assert flags(Image.new("RGB", (200, 160))) == {ImageIssue.DARK, ImageIssue.BLANK}

    def test_a_picture_at_a_tenth_of_its_light_is_dark(self) -> None:
        assert flags(ImageEnhance.Brightness(textured()).enhance(0.15)) == {ImageIssue.DARK}

    @pytest.mark.parametrize("colour", ["white", "red", "grey"])
    def test_one_colour_is_blank_and_not_blurry(self, colour: str) -> None:
        assert flags(Image.new("RGB", (200, 160), colour)) == {ImageIssue.BLANK}

    def test_two_colours_of_one_grey_are_not_blank(self) -> None:
        image = Image.new("RGB", (200, 160), (200, 0, 0))
        image.paste((0, 102, 0), (0, 0, 100, 160))
        assert ImageIssue.BLANK not in flags(image)

    @pytest.mark.parametrize("radius", [1.5, 3])
    def test_a_blurred_picture_is_blurry(self, radius: float) -> None:
        assert flags(textured().filter(ImageFilter.GaussianBlur(radius))) == {ImageIssue.BLURRY}

    def test_an_enlarged_thumbnail_is_blurry(self) -> None:
        assert ImageIssue.BLURRY in flags(textured(64, 64).resize((400, 400), Image.Resampling.BICUBIC))

    def test_a_large_picture_that_is_soft_only_up_close_is_not_blurry(self) -> None:
        large = textured().resize((2000, 1600), Image.Resampling.BOX).filter(ImageFilter.GaussianBlur(2))
        assert flags(large) == set()

    def test_ten_to_one_is_an_odd_aspect(self) -> None:
        assert flags(textured(1000, 100)) == {ImageIssue.ODD_ASPECT}
        assert flags(textured(100, 1000)) == {ImageIssue.ODD_ASPECT}

    def test_eight_pixels_are_tiny(self) -> None:
        assert flags(textured(8, 8)) == {ImageIssue.TINY}

    @pytest.mark.parametrize("size", [(1, 1), (1, 900), (900, 1), (3, 3)])
    def test_odd_sizes_are_measured(self, size: tuple[int, int]) -> None:
        assert ImageIssue.TINY in flags(Image.new("RGB", size, "red"))

    def test_copies_share_their_hash_and_others_do_not(self) -> None:
        image = textured()
        copies = [
            image.resize((100, 80)),
            image.convert("L").convert("RGB"),
            ImageEnhance.Brightness(image).enhance(0.8),
        ]
        assert max(n_differing_bits(image, copy) for copy in copies) <= 6
        assert n_differing_bits(image, textured(seed=1)) > 6

    def test_the_image_stays_as_it_is(self) -> None:
        image = textured(600, 400)
        before = image.tobytes()
        measure_image(image)
        assert (image.size, image.tobytes()) == ((600, 400), before)
