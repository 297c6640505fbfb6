import numpy as np

from crcl_core.explanation.evidence import RepeatedCaption
from crcl_core.explanation.repeated_captions import repeated_captions


class TestRepeatedCaptions:
    def test_a_caption_that_is_wrong_at_most_of_its_images_is_reported(self) -> None:
        correspondence = np.array([0.0, 0.0, 0.0, 0.5, 1.0, 1.0], dtype=np.float32)
        found = repeated_captions(np.arange(6), np.array([3, 3, 3, 3, 3, 1]), correspondence)
        assert found == {3: RepeatedCaption(5, 3.5)}

    def test_a_caption_that_is_right_at_most_of_its_images_is_not(self) -> None:
        assert not repeated_captions(np.arange(6), np.zeros(6, int), np.array([0, 0, 1, 1, 1, 1], np.float32))

    def test_four_images_are_not_many(self) -> None:
        assert not repeated_captions(np.arange(4), np.zeros(4, int), np.zeros(4, np.float32))

    def test_rows_of_one_image_count_once(self) -> None:
        assert not repeated_captions(np.zeros(9, int), np.zeros(9, int), np.zeros(9, np.float32))
