import itertools
import subprocess
import sys

import numpy as np
import pytest

from crcl_core.data import split_words
from crcl_core.data.noise import WordSwap, word_swap_noise
from crcl_core.types import IntArray

ANIMALS = ("dog", "cat", "horse", "sheep", "goat")
PLACES = ("beach", "street", "meadow", "kitchen", "garden")
CAPTIONS = [f"The {animal} runs on a {place}." for animal, place in itertools.product(ANIMALS, PLACES)]
ONE_EACH = np.arange(len(CAPTIONS))


def _swaps(captions: list[str], swap: WordSwap) -> list[tuple[str, str]]:
    """The words before and after of every altered caption, each of which must differ in one place."""
    found = []
    for before, after, is_mismatch in zip(captions, swap.captions, swap.is_mismatch.tolist(), strict=True):
        words = list(zip(split_words(before), split_words(after), strict=True))
        changed = [(old, new) for old, new in words if old != new]
        assert len(changed) == is_mismatch
        found.extend(changed)
    return found


class TestWordSwapNoise:
    def test_replaces_one_word_in_the_chosen_share(self) -> None:
        swap = word_swap_noise(CAPTIONS, ONE_EACH, 0.4, 1)
        assert swap.is_mismatch.sum() == 10
        assert len(_swaps(CAPTIONS, swap)) == 10

    def test_the_substitute_fits_the_slot(self) -> None:
        for old, new in _swaps(CAPTIONS, word_swap_noise(CAPTIONS, ONE_EACH, 1.0, 1)):
            assert (old in ANIMALS) == (new in ANIMALS)
            assert (old in PLACES) == (new in PLACES)

    def test_function_words_stay(self) -> None:
        replaced = {old for old, _ in _swaps(CAPTIONS, word_swap_noise(CAPTIONS, ONE_EACH, 1.0, 1))}
        assert replaced <= {*ANIMALS, *PLACES}

    def test_words_in_most_captions_count_as_function_words(self) -> None:
        captions = [caption.replace("The", "Der").replace(" a ", " einem ") for caption in CAPTIONS]
        replaced = {old for old, _ in _swaps(captions, word_swap_noise(captions, ONE_EACH, 1.0, 1))}
        assert not {"der", "einem", "runs"} & replaced

    def test_what_other_captions_of_the_image_say_is_no_substitute(self) -> None:
        captions = ["a dog runs", "a puppy runs", "a cat runs"]
        for seed in range(10):
            swap = word_swap_noise(captions, np.array([0, 0, 1]), 1.0, seed)
            assert ("dog", "puppy") not in _swaps(captions, swap)

    @pytest.mark.parametrize(("one", "other"), [("dog", "dogs"), ("puppy", "puppies"), ("runner", "running")])
    def test_forms_of_the_same_word_are_no_substitutes(self, one: str, other: str) -> None:
        captions = [f"the {one}", f"the {other}"]
        assert not word_swap_noise(captions, np.arange(2), 1.0, 0).is_mismatch.any()

    def test_words_of_another_frequency_are_no_substitutes(self) -> None:
        captions = [*["the dog"] * 9, "the cat"]
        assert not word_swap_noise(captions, np.arange(10), 1.0, 0).is_mismatch.any()
        assert word_swap_noise(captions[5:], np.arange(5), 1.0, 0).is_mismatch.all()

    @pytest.mark.parametrize(
        ("caption", "expected"), [("Dog!  (wet)", "Cat!  (wet)"), ("my DOG\u2019s tail", "my CAT\u2019s tail")]
    )
    def test_all_else_in_the_caption_stays(self, caption: str, expected: str) -> None:
        captions = [caption, "cat! (", "my cat's"]
        swaps = {word_swap_noise(captions, np.arange(3), 1.0, seed).captions[0] for seed in range(20)}
        assert expected in swaps

    def test_rises_through_looser_slots_until_one_has_a_word(self) -> None:
        captions = ["dog", "see that horse run"]
        assert word_swap_noise(captions, np.arange(2), 1.0, 0).captions[0] in {"see", "horse", "run"}

    def test_the_seed_decides(self) -> None:
        first, same, other = (word_swap_noise(CAPTIONS, ONE_EACH, 0.5, seed).captions for seed in (7, 7, 8))
        assert first == same
        assert first != other

    def test_is_the_same_in_another_process(self) -> None:
        code = (
            "from crcl_core.data.noise import word_swap_noise;"
            f"print(word_swap_noise({CAPTIONS!r}, list(range({len(CAPTIONS)})), 1.0, 3).captions)"
        )
        runs = [
            subprocess.run([sys.executable, "-c", code], env={"PYTHONHASHSEED": salt}, capture_output=True, check=True)
            for salt in ("1", "2")
        ]
        assert runs[0].stdout == runs[1].stdout


class TestLimits:
    @pytest.mark.parametrize(
        ("captions", "image_index", "ratio"),
        [
            (CAPTIONS, ONE_EACH, 0.0),
            ([], np.zeros(0, dtype=np.int64), 1.0),
            (["", " ", "12 , !", "it is on that"], np.arange(4), 1.0),
            (["a dog"], np.zeros(1, dtype=np.int64), 1.0),
            (["a dog", "a cat"], np.zeros(2, dtype=np.int64), 1.0),
        ],
        ids=["no noise", "no captions", "no content words", "one caption", "one image"],
    )
    def test_change_nothing(self, captions: list[str], image_index: IntArray, ratio: float) -> None:
        swap = word_swap_noise(captions, image_index, ratio, 0)
        assert swap.captions == tuple(captions)
        assert not swap.is_mismatch.any()

    @pytest.mark.parametrize("ratio", [-0.1, 1.1])
    def test_refuses_a_ratio_outside_its_range(self, ratio: float) -> None:
        with pytest.raises(ValueError, match=f"ratio is {ratio}"):
            word_swap_noise(CAPTIONS, ONE_EACH, ratio, 0)

    def test_refuses_as_many_images_as_it_has_not_captions(self) -> None:
        with pytest.raises(ValueError, match="1 captions and 2 entries of image_index"):
            word_swap_noise(["a dog"], np.arange(2), 0.5, 0)
