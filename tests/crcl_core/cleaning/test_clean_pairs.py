from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from crcl_core.cleaning import CleanedPairs, clean_pairs
from crcl_core.encoders import open_encoder
from crcl_core.evaluation import auroc

_COLOURS = {
    "red": (220, 20, 20),
    "green": (20, 200, 20),
    "blue": (20, 20, 220),
    "yellow": (220, 220, 20),
    "white": (240, 240, 240),
    "black": (10, 10, 10),
}
_N_PAIRS = 240
_N_SWAPPED = 40


@pytest.fixture(scope="module")
def cleaned(tmp_path_factory: pytest.TempPathFactory) -> CleanedPairs:
    """Plain pictures named by their colour; the first forty captions name another one."""
    folder, names = tmp_path_factory.mktemp("colours"), list(_COLOURS)
    random = np.random.default_rng(0)
    images, captions = [], []
    for number in range(_N_PAIRS):
        name = names[number % len(names)]
        shade = np.clip(np.array(_COLOURS[name]) + random.integers(-10, 11, 3), 0, 255)
        path = folder / f"{number}.png"
        Image.new("RGB", (16, 16), tuple(int(value) for value in shade)).save(path)
        images.append(path)
        said = names[(number + 1) % len(names)] if number < _N_SWAPPED else name
        captions.append(f"a {said} picture, number {number}")
    return clean_pairs(images, captions, encoder=open_encoder("toy"))


class TestCleanPairs:
    def test_swapped_captions_come_first(self, cleaned: CleanedPairs) -> None:
        is_clean = np.arange(_N_PAIRS) >= _N_SWAPPED
        assert auroc(cleaned.correspondence, is_clean) > 0.9
        assert (cleaned.worst_first()[:20] < _N_SWAPPED).mean() > 0.8

    def test_correspondence_lies_in_0_to_1(self, cleaned: CleanedPairs) -> None:
        assert cleaned.correspondence.dtype == np.float32
        assert cleaned.correspondence.min() >= 0
        assert cleaned.correspondence.max() <= 1

    def test_a_flag_is_a_score_below_the_threshold(self, cleaned: CleanedPairs) -> None:
        np.testing.assert_array_equal(cleaned.is_mismatch(0.5), cleaned.correspondence < 0.5)
        assert not cleaned.is_mismatch(0.0).any()

    def test_so_few_pairs_are_not_calibrated(self, cleaned: CleanedPairs) -> None:
        assert not cleaned.is_calibrated
        np.testing.assert_array_equal(cleaned.is_mismatch(), cleaned.correspondence < np.float32(0.1))

    def test_worst_first_lists_every_pair_once(self, cleaned: CleanedPairs) -> None:
        assert sorted(cleaned.worst_first().tolist()) == list(range(_N_PAIRS))

    def test_refuses_a_single_pair(self, tmp_path: Path) -> None:
        Image.new("RGB", (4, 4)).save(tmp_path / "one.png")
        with pytest.raises(ValueError, match="the corpus has 1 pairs, expected 2 or more"):
            clean_pairs([tmp_path / "one.png"], ["one"], encoder=open_encoder("toy"))
