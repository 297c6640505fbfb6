from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from crcl_core.cleaning import encode_pairs
from crcl_core.encoders import Encoder, open_encoder


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
