import sys

import numpy as np
import pytest

from crcl_core.evaluation import (
    EccvCaptionMetrics,
    EccvCaptionMissingError,
    coco_test_ids,
    eccv_caption,
    eccv_caption_metrics,
    eccv_caption_metrics_of_embeddings,
)
from crcl_core.types import DoubleArray, IntArray

IMAGE_IDS = np.array([30, 10, 20, 40])
CAPTION_IDS = np.array([7, 1, 2, 3, 4, 5, 6, 8])
# Query to right answers, as the package holds them; ECCV Caption judges some of the queries only.
ORIGINAL = {10: [1, 2], 20: [3, 4], 30: [5, 6], 40: [7, 8]}
EXTENDED = {10: [1, 2, 3, 8], 30: [5, 7, 6]}


def _inverted(answers: dict[int, list[int]]) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for query, right in answers.items():
        for answer in right:
            found.setdefault(answer, []).append(query)
    return found


def slow_direction(
    similarities: DoubleArray, query_ids: IntArray, candidate_ids: IntArray, judged: dict[str, dict[int, list[int]]]
) -> dict[str, float]:
    """The definitions, one query at a time, for distinct similarities."""
    sums: dict[str, list[float]] = {}
    for query, row in zip(query_ids.tolist(), similarities, strict=True):
        ranking = [int(candidate_ids[column]) for column in sorted(range(len(row)), key=lambda c: -row[c])]
        if query in judged["eccv"]:
            right = judged["eccv"][query]
            n = len(right)
            precision_at = [sum(item in right for item in ranking[:r]) / r for r in range(1, n + 1)]
            is_right = [item in right for item in ranking[:n]]
            sums.setdefault("eccv_map_at_r", []).append(
                sum(p for p, is_hit in zip(precision_at, is_right, strict=True) if is_hit) / n
            )
            sums.setdefault("eccv_r_precision", []).append(precision_at[-1])
            sums.setdefault("eccv_r1", []).append(float(is_right[0]))
        for k in (1, 5, 10):
            sums.setdefault(f"cxc_r{k}", []).append(float(any(item in judged["cxc"][query] for item in ranking[:k])))
    return {name: 100 * sum(values) / len(values) for name, values in sums.items()}


@pytest.fixture
def _few_annotations(monkeypatch: pytest.MonkeyPatch) -> None:
    annotations = eccv_caption._annotations()
    annotations.coco_gts = {"i2t": ORIGINAL, "t2i": _inverted(ORIGINAL)}
    annotations.cxc_gts = annotations.coco_gts
    annotations.eccv_gts = {"i2t": EXTENDED, "t2i": _inverted(EXTENDED)}
    monkeypatch.setattr(eccv_caption, "_annotations", lambda: annotations)


@pytest.mark.usefixtures("_few_annotations")
class TestEccvCaptionMetrics:
    @pytest.mark.parametrize("seed", range(5))
    def test_equals_the_slow_oracle(self, seed: int) -> None:
        similarities = np.random.default_rng(seed).normal(size=(4, 8))
        metrics = eccv_caption_metrics(similarities, IMAGE_IDS, CAPTION_IDS)
        of_images = {"eccv": EXTENDED, "cxc": ORIGINAL}
        of_captions = {"eccv": _inverted(EXTENDED), "cxc": _inverted(ORIGINAL)}
        expected = slow_direction(similarities, IMAGE_IDS, CAPTION_IDS, of_images)
        assert dict(vars(metrics.image_to_text)) == pytest.approx(expected)
        expected = slow_direction(similarities.T, CAPTION_IDS, IMAGE_IDS, of_captions)
        assert dict(vars(metrics.text_to_image)) == pytest.approx(expected)

    def test_one_query_by_hand(self) -> None:
        # Image 10 finds, in this order, captions 1 (right), 4, 2 (right), 8 (right); image 30 finds 5, 6, 7, all right.
        similarities = np.zeros((4, 8))
        for image, ranking in ((10, [1, 4, 2, 8]), (30, [5, 6, 7])):
            for rank, caption in enumerate(ranking):
                row, column = IMAGE_IDS.tolist().index(image), CAPTION_IDS.tolist().index(caption)
                similarities[row, column] = 10 - rank
        metrics = eccv_caption_metrics(similarities, IMAGE_IDS, CAPTION_IDS).image_to_text
        assert metrics.eccv_map_at_r == pytest.approx(100 * ((1 + 2 / 3 + 3 / 4) / 4 + 1) / 2)
        assert metrics.eccv_r_precision == pytest.approx(100 * (3 / 4 + 1) / 2)
        assert metrics.eccv_r1 == 100

    def test_a_model_that_knows_all_right_answers_is_perfect(self) -> None:
        similarities = np.array(
            [[float(caption in EXTENDED.get(i, ORIGINAL[i])) for caption in CAPTION_IDS] for i in IMAGE_IDS.tolist()]
        )
        metrics = eccv_caption_metrics(similarities, IMAGE_IDS, CAPTION_IDS)
        assert metrics.image_to_text.eccv_map_at_r == 100
        assert metrics.text_to_image.eccv_map_at_r == 100

    def test_among_equals_the_earlier_row_comes_first(self) -> None:
        metrics = eccv_caption_metrics(np.zeros((4, 8)), IMAGE_IDS, CAPTION_IDS)
        # Caption 7 comes first for every image; image 30 comes first for every caption.
        assert metrics.image_to_text.cxc_r1 == 25
        assert metrics.text_to_image.cxc_r1 == 25

    def test_embeddings_are_judged_like_their_product(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(eccv_caption, "_BLOCK_ELEMENTS", 16)
        rng = np.random.default_rng(0)
        # Small integers make the products exact, so that a block's shape cannot change a tie.
        images, captions = rng.integers(-3, 4, size=(4, 5)) * 1.0, rng.integers(-3, 4, size=(8, 5)) * 1.0
        expected = eccv_caption_metrics(images @ captions.T, IMAGE_IDS, CAPTION_IDS)
        assert eccv_caption_metrics_of_embeddings(images, captions, IMAGE_IDS, CAPTION_IDS) == expected

    def test_it_draws_no_progress_bar(self, capfd: pytest.CaptureFixture[str]) -> None:
        eccv_caption_metrics(np.eye(4, 8), IMAGE_IDS, CAPTION_IDS)
        assert capfd.readouterr() == ("", "")

    @pytest.mark.parametrize("ids", [[10, 20, 30], [10, 20, 30, 50], [10, 20, 30, 30]])
    def test_ids_that_are_not_those_of_the_test_split_are_refused(self, ids: list[int]) -> None:
        with pytest.raises(ValueError, match=r"image_ids lack 1 of the 4 ids of COCO's test split"):
            eccv_caption_metrics(np.zeros((len(ids), 8)), np.array(ids), CAPTION_IDS)

    def test_similarities_of_another_shape_are_refused(self) -> None:
        with pytest.raises(ValueError, match=r"similarities are \(8, 4\), expected \(4, 8\)"):
            eccv_caption_metrics(np.zeros((8, 4)), IMAGE_IDS, CAPTION_IDS)

    def test_a_value_that_is_not_finite_is_refused(self) -> None:
        with pytest.raises(ValueError, match="not finite"):
            eccv_caption_metrics(np.full((4, 8), np.nan), IMAGE_IDS, CAPTION_IDS)


class TestRealAnnotations:
    def test_ids_are_those_of_the_whole_split_in_the_order_of_precomputed_features(self) -> None:
        image_ids, caption_ids = coco_test_ids()
        assert image_ids.shape == (5_000,)
        assert caption_ids.shape == (25_000,)
        image_of = eccv_caption._annotations().coco_gts["t2i"]
        assert [image_of[caption] for caption in caption_ids.tolist()] == [
            [i] for i in image_ids.tolist() for _ in range(5)
        ]

    def test_random_embeddings_find_next_to_nothing(self) -> None:
        image_ids, caption_ids = coco_test_ids()
        rng = np.random.default_rng(0)
        images = rng.normal(size=(5_000, 4)).astype(np.float32)
        captions = rng.normal(size=(25_000, 4)).astype(np.float32)
        metrics = eccv_caption_metrics_of_embeddings(images, captions, image_ids, caption_ids)
        assert isinstance(metrics, EccvCaptionMetrics)
        assert 0 <= metrics.image_to_text.eccv_map_at_r < 1
        assert 0 < metrics.text_to_image.cxc_r10 < 2


class TestWithoutThePackage:
    def test_says_how_to_install_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "eccv_caption", None)
        with pytest.raises(EccvCaptionMissingError, match=r"not installed: pip install 'mispair\[paper\]'"):
            coco_test_ids()
