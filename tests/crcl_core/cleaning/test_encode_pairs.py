from pathlib import Path
from typing import cast

import numpy as np
import pytest
from PIL import Image

from crcl_core.cleaning import encode_pairs, encode_region_pairs
from crcl_core.data import Vocabulary
from crcl_core.encoders import Encoder, open_encoder
from crcl_core.types import EncoderError


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return open_encoder("toy")


def _picture(path: Path, colour: tuple[int, int, int]) -> Path:
    Image.new("RGB", (16, 12), colour).save(path)
    return path


class TestEncodePairs:
    def test_an_image_with_two_captions_is_encoded_once(self, tmp_path: Path, encoder: Encoder) -> None:
        red, blue = _picture(tmp_path / "red.png", (255, 0, 0)), _picture(tmp_path / "blue.png", (0, 0, 255))
        features = encode_pairs([red, red, blue], ["red", "a red field", "blue"], encoder=encoder)
        assert features.image_index.tolist() == [0, 0, 1]
        assert features.caption_index.tolist() == [0, 1, 2]
        np.testing.assert_array_equal(
            features.image_features, encoder.encode_images([Image.open(red), Image.open(blue)])
        )

    def test_files_of_the_same_bytes_are_one_image(self, tmp_path: Path, encoder: Encoder) -> None:
        red, copy = _picture(tmp_path / "red.png", (255, 0, 0)), _picture(tmp_path / "copy.png", (255, 0, 0))
        assert encode_pairs([red, copy], ["red", "also red"], encoder=encoder).image_index.tolist() == [0, 0]

    def test_captions_that_differ_in_case_only_are_one_caption(self, tmp_path: Path, encoder: Encoder) -> None:
        red, blue = _picture(tmp_path / "red.png", (255, 0, 0)), _picture(tmp_path / "blue.png", (0, 0, 255))
        features = encode_pairs([str(red), str(blue)], ["A dog.", "a dog"], encoder=encoder)
        assert features.caption_index.tolist() == [0, 0]
        np.testing.assert_array_equal(features.caption_features, encoder.encode_captions(["A dog."]))

    def test_no_pairs_give_no_features(self, encoder: Encoder) -> None:
        features = encode_pairs([], [], encoder=encoder)
        assert (features.n_pairs, features.n_images, features.n_captions) == (0, 0, 0)

    def test_refuses_other_numbers_of_images_and_captions(self, encoder: Encoder) -> None:
        with pytest.raises(ValueError, match="there are 1 images and 2 captions, expected one of each a pair"):
            encode_pairs(["red.png"], ["red", "blue"], encoder=encoder)

    def test_names_a_file_that_is_no_image(self, tmp_path: Path, encoder: Encoder) -> None:
        (tmp_path / "notes.txt").write_text("not a picture")
        with pytest.raises(ValueError, match=r"notes\.txt is not an image that can be read"):
            encode_pairs([tmp_path / "notes.txt"], ["red"], encoder=encoder)


class TestEncodeRegionPairs:
    def test_gives_regions_and_words(self, tmp_path: Path, encoder: Encoder) -> None:
        red, blue = _picture(tmp_path / "red.png", (255, 0, 0)), _picture(tmp_path / "blue.png", (0, 0, 255))
        vocabulary = Vocabulary(["red", "blue"])
        features = encode_region_pairs(
            [red, blue, red], ["red", "blue", "RED"], encoder=encoder, vocabulary=vocabulary, n_grid_regions=4
        )
        assert features.image_features.shape == (2, 5, encoder.region_dim)
        assert features.caption_features.tolist() == vocabulary.encode(["red", "blue"]).tolist()
        assert (features.image_index.tolist(), features.caption_index.tolist()) == ([0, 1, 0], [0, 1, 0])
        assert features.vocabulary_size == len(vocabulary)

    def test_an_encoder_without_regions_is_named(self, tmp_path: Path) -> None:
        class GlobalOnly:
            name = "flat"
            region_dim = None

        red = _picture(tmp_path / "red.png", (255, 0, 0))
        with pytest.raises(EncoderError, match="encoder 'flat' gives no regions"):
            encode_region_pairs([red], ["red"], encoder=cast("Encoder", GlobalOnly()), vocabulary=Vocabulary(["red"]))
