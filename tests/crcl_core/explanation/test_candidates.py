import numpy as np

from crcl_core.detection import HeldOutEmbeddings
from crcl_core.explanation.candidate_probability import CandidateCurve
from crcl_core.explanation.candidates import NOTHING, Candidates, best_captions, best_images
from crcl_core.types import FloatArray


def axes(*numbers: int, width: int = 4) -> FloatArray:
    """Unit vectors along these axes."""
    return np.eye(width, dtype=np.float32)[list(numbers)]


def one_model(images: FloatArray, captions: FloatArray, n_pairs: int) -> HeldOutEmbeddings:
    return HeldOutEmbeddings(images[None], captions[None], np.zeros(n_pairs, dtype=np.int64))


class TestBestCaptions:
    def test_an_image_whose_caption_stands_elsewhere_gets_it(self) -> None:
        held_out = one_model(axes(0, 1, 2), axes(1, 0, 2), 3)
        found = best_captions(held_out, np.arange(3), np.arange(3), np.array([0, 1]))
        assert found.best.tolist() == [1, 0]
        assert found.similarity.tolist() == [1.0, 1.0]
        assert found.own.tolist() == [0.0, 0.0]

    def test_own_caption_duplicates_and_siblings_are_no_candidates(self) -> None:
        # Image 0 has captions 0 and 1, and caption 0 twice; of what is left only caption 2 is there.
        held_out = one_model(axes(0, 1), axes(0, 0, 3), 4)
        index = (np.array([0, 0, 0, 1]), np.array([0, 1, 0, 2]))
        assert best_captions(held_out, *index, np.array([0, 1, 2])).best.tolist() == [2, 2, 2]

    def test_where_all_captions_are_of_the_image_there_is_none(self) -> None:
        held_out = one_model(axes(0), axes(0, 1), 2)
        found = best_captions(held_out, np.array([0, 0]), np.array([0, 1]), np.array([0]))
        assert (found.best.tolist(), found.similarity.tolist()) == ([NOTHING], [0.0])

    def test_each_pair_is_judged_by_the_model_that_never_saw_it(self) -> None:
        images = np.stack([axes(0, 1), axes(2, 3)])
        captions = np.stack([axes(2, 0, 1), axes(0, 1, 3)])
        held_out = HeldOutEmbeddings(images, captions, np.array([0, 1]))
        found = best_captions(held_out, np.array([0, 1]), np.array([0, 0]), np.array([0, 1]))
        assert found.best.tolist() == [1, 2]

    def test_no_pairs_find_nothing(self) -> None:
        held_out = one_model(axes(0), axes(0), 1)
        assert len(best_captions(held_out, np.array([0]), np.array([0]), np.array([], dtype=np.int64)).best) == 0

    def test_it_equals_the_search_of_everything_at_once(self) -> None:
        random = np.random.default_rng(0)
        n, images, captions = 60, random.normal(size=(3, 20, 8)), random.normal(size=(3, 30, 8))
        images /= np.linalg.norm(images, axis=2, keepdims=True)
        captions /= np.linalg.norm(captions, axis=2, keepdims=True)
        image_index, caption_index = random.integers(0, 20, n), random.integers(0, 30, n)
        fold = random.integers(0, 3, n)
        found = best_captions(
            HeldOutEmbeddings(images.astype(np.float32), captions.astype(np.float32), fold),
            image_index,
            caption_index,
            np.arange(n),
        )
        for pair in range(n):
            cosines = captions[fold[pair]] @ images[fold[pair]][image_index[pair]]
            assert np.isclose(found.own[pair], cosines[caption_index[pair]], atol=1e-5)
            cosines[caption_index[image_index == image_index[pair]]] = -2
            assert found.best[pair] == cosines.argmax()


class TestBestImages:
    def test_a_caption_whose_image_stands_elsewhere_gets_it(self) -> None:
        held_out = one_model(axes(0, 1, 2), axes(1, 0, 2), 3)
        assert best_images(held_out, np.arange(3), np.arange(3), np.array([0, 1])).best.tolist() == [1, 0]

    def test_images_of_the_same_caption_are_no_candidates(self) -> None:
        held_out = one_model(axes(0, 0, 3), axes(0), 2)
        found = best_images(held_out, np.array([0, 1]), np.array([0, 0]), np.array([0]))
        assert found.best.tolist() == [2]


class TestCandidateCurve:
    def test_it_is_high_where_only_own_captions_reach_and_nothing_where_only_others_do(self) -> None:
        n = 100
        sure = Candidates(
            np.arange(n), np.linspace(0.8, 0.9, n, dtype=np.float32), np.zeros(n, int), np.full(n, 0.4, np.float32)
        )
        curve = CandidateCurve.fit(sure)
        assert curve is not None
        assert curve(np.array([0.4, 0.85], dtype=np.float32)).tolist() == [0.0, 1.0]

    def test_where_own_and_others_are_alike_a_candidate_is_right_once_in_four_times(self) -> None:
        # Half the time the own caption is in the pool, and then it is the best of two equals half the time.
        random = np.random.default_rng(0)
        own, other = random.normal(size=(2, 4000)).astype(np.float32) * 0.01
        curve = CandidateCurve.fit(Candidates(np.arange(4000), own, np.zeros(4000, int), other))
        assert curve is not None
        assert abs(float(curve(other).mean()) - 0.25) < 0.05

    def test_too_few_sure_pairs_tell_nothing(self) -> None:
        ones = np.ones(49, np.float32)
        assert CandidateCurve.fit(Candidates(np.arange(49), ones, np.zeros(49, int), ones)) is None
