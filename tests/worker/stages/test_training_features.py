import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.core.errors import JobFailedError
from worker.stages.training_features import build_vocabulary, load_features

_TEXTS = ["A red square", "a green\u2028square", "blue"]


@pytest.fixture
def spec(tmp_path: Path) -> dict[str, Any]:  # Any: JSON
    """Two images and three captions in three pairs."""
    np.save(tmp_path / "images.npy", np.ones((2, 5), dtype=np.float32))
    np.save(tmp_path / "regions.npy", np.ones((2, 3, 5), dtype=np.float32))
    np.save(tmp_path / "captions.npy", np.ones((3, 4), dtype=np.float32))
    np.savez(tmp_path / "pairs.npz", image_index=np.array([0, 0, 1]), caption_index=np.array([0, 1, 2]))
    (tmp_path / "captions.jsonl").write_text("".join(json.dumps(text) + "\n" for text in _TEXTS))
    return {
        "images": str(tmp_path / "images.npy"),
        "captions": str(tmp_path / "captions.npy"),
        "texts": str(tmp_path / "captions.jsonl"),
        "pairs": str(tmp_path / "pairs.npz"),
        "min_word_count": 1,
    }


class TestLoadFeatures:
    def test_vectors_come_without_a_vocabulary(self, spec: dict[str, Any]) -> None:  # Any: JSON
        features, vocabulary = load_features(spec)
        assert (features.n_regions, features.has_tokens, features.caption_dim) == (None, False, 4)
        assert vocabulary is None

    def test_without_caption_vectors_captions_are_words_in_their_order(self, spec: dict[str, Any]) -> None:  # Any: JSON
        spec |= {"images": spec["images"].replace("images.npy", "regions.npy"), "captions": None}
        features, vocabulary = load_features(spec)
        assert vocabulary is not None
        assert vocabulary.words == ("a", "square", "blue", "green", "red")
        assert (features.n_regions, features.vocabulary_size) == (3, 9)
        assert features.caption_features.tolist() == vocabulary.encode(_TEXTS).tolist()
        assert features.caption_index.tolist() == [0, 1, 2]

    def test_the_same_captions_give_the_same_features(self, spec: dict[str, Any]) -> None:  # Any: JSON
        spec |= {"captions": None}
        assert load_features(spec)[0].fingerprint() == load_features(spec)[0].fingerprint()


class TestBuildVocabulary:
    def test_few_captions_need_a_word_twice_and_many_four_times(self) -> None:
        captions = ["twice", "twice"] + ["thrice"] * 3 + ["often"] * 4
        few = captions + [f"word{number}" for number in range(9_999 - len(captions))]
        assert build_vocabulary(few, None).words == ("often", "thrice", "twice")
        assert build_vocabulary([*few, "once"], None).words == ("often",)

    def test_the_number_that_was_chosen_is_taken(self) -> None:
        assert build_vocabulary(_TEXTS, 1).words == ("a", "square", "blue", "green", "red")
        assert build_vocabulary(_TEXTS, 2).words == ("a", "square")

    def test_captions_without_a_word_that_stands_often_enough_are_refused(self) -> None:
        with pytest.raises(JobFailedError, match="no word stands 3 times or more in the 3 distinct captions") as caught:
            build_vocabulary(_TEXTS, 3)
        assert caught.value.code == "no_known_word"
