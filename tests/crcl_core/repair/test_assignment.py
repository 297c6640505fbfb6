import numpy as np

from crcl_core.repair.assignment import assign


def places(images: list[list[int]], probabilities: list[list[float]], place_images: list[int]) -> list[int]:
    assigned: list[int] = assign(np.array(images), np.array(probabilities), np.array(place_images)).tolist()
    return assigned


class TestAssign:
    def test_the_expected_number_of_right_repairs_is_the_largest(self) -> None:
        # Both like image 5 best; the second has nowhere else to go.
        assert places([[5, 7], [5, -1]], [[0.6, 0.5], [0.5, 0]], [5, 7]) == [1, 0]

    def test_an_image_takes_as_many_captions_as_it_has_places(self) -> None:
        assert sorted(places([[5], [5], [5]], [[0.5], [0.6], [0.7]], [5, 5])) == [-1, 0, 1]
        assert places([[5], [5], [5]], [[0.5], [0.6], [0.7]], [5, 5])[0] == -1

    def test_a_caption_without_a_place_stays(self) -> None:
        assert places([[5]], [[0.9]], [6]) == [-1]

    def test_what_is_surely_wrong_is_not_assigned(self) -> None:
        assert places([[5]], [[0.001]], [5]) == [-1]

    def test_nothing_to_assign_is_nothing(self) -> None:
        assert assign(np.empty((0, 3), dtype=np.int64), np.empty((0, 3)), np.array([1])).tolist() == []

    def test_ties_are_broken_somehow_but_once(self) -> None:
        assert sorted(places([[5, 6], [5, 6]], [[0.5, 0.5], [0.5, 0.5]], [5, 6])) == [0, 1]
