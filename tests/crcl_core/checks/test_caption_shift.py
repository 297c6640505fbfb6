"""Captions that slipped by some images, found from colours and words."""

import numpy as np
import pytest

from crcl_core.checks import find_caption_shift
from crcl_core.types import FloatArray

_SCENES = ("snow on a mountain", "grass in a park", "a street at night", "a blue sea", "sand at noon", "a red wall")


def drawn(n_images: int, seed: int = 0) -> tuple[FloatArray, list[str]]:
    """Thumbnails whose colours follow the scene of their caption, loosely."""
    generator = np.random.default_rng(seed)
    colours = generator.random((len(_SCENES), 12), dtype=np.float32)
    scenes = generator.integers(len(_SCENES), size=n_images)
    noise = generator.normal(scale=0.3, size=(n_images, 12)).astype(np.float32)
    return colours[scenes] + noise, [_SCENES[scene] for scene in scenes]


class TestFindCaptionShift:
    @pytest.mark.parametrize("offset", [-7, -1, 1, 3])
    def test_it_says_by_how_many_images(self, offset: int) -> None:
        thumbnails, captions = drawn(300)
        shift = find_caption_shift(np.roll(thumbnails, offset, axis=0), captions)
        assert shift is not None
        assert shift.offset == offset
        assert shift.fit > shift.fit_in_place + 4

    def test_captions_in_their_place_have_none(self) -> None:
        assert find_caption_shift(*drawn(300)) is None

    def test_unrelated_captions_have_none(self) -> None:
        assert find_caption_shift(drawn(300)[0], drawn(300, seed=1)[1]) is None

    def test_neighbours_that_look_alike_are_no_shift(self) -> None:
        thumbnails, captions = drawn(100)
        assert find_caption_shift(np.repeat(thumbnails, 4, axis=0), [one for one in captions for _ in range(4)]) is None

    def test_an_image_that_cannot_be_read_keeps_its_place(self) -> None:
        thumbnails, captions = drawn(300)
        shifted = np.roll(thumbnails, 2, axis=0)
        shifted[::10] = np.nan
        found = find_caption_shift(shifted, captions)
        assert found is not None
        assert found.offset == 2

    @pytest.mark.parametrize("n_images", [0, 1, 99])
    def test_few_images_tell_nothing(self, n_images: int) -> None:
        assert find_caption_shift(*drawn(n_images)) is None

    def test_nothing_to_compare(self) -> None:
        assert find_caption_shift(np.zeros((200, 12), dtype=np.float32), ["same"] * 200) is None
