import numpy as np
import pytest

from crcl_core.data import PairFeatures
from crcl_core.models import ModelKind, ModelSpec, build_model
from crcl_core.models.ensemble import SimilarityEnsemble
from crcl_core.paper.benchmark import PaperDataset
from crcl_core.paper.figures import SplitScores, detection_figures, mean_scores, retrieval_figures, score_split
from crcl_core.training import similarity_matrix

SPEC = ModelSpec(kind=ModelKind.HEADS, image_dim=3, caption_dim=4, joint_dim=5)


def _split() -> PairFeatures:
    """Four rows of images, of which row 1 has no caption; captions 0 and 2 are equal."""
    random = np.random.default_rng(0)
    return PairFeatures(
        image_features=random.normal(size=(4, 3)).astype(np.float32),
        caption_features=random.normal(size=(3, 4)).astype(np.float32),
        image_index=np.array([0, 0, 2, 3]),
        caption_index=np.array([0, 1, 0, 2]),
    )


class TestScoreSplit:
    def test_every_caption_is_a_query_and_images_without_one_do_not_compete(self) -> None:
        split, model = _split(), build_model(SPEC)
        scores = score_split(model, split)
        whole = similarity_matrix(model, split.image_features, split.caption_features)
        np.testing.assert_allclose(scores.similarities, whole[[0, 2, 3]][:, [0, 1, 0, 2]], rtol=1e-6)
        np.testing.assert_array_equal(scores.image_index, [0, 0, 1, 2])


class TestMeanScores:
    def test_is_what_the_ensemble_of_the_models_says(self) -> None:
        split, models = _split(), [build_model(SPEC, seed=seed) for seed in range(3)]
        mean = mean_scores([score_split(model, split) for model in models])
        together = score_split(SimilarityEnsemble(models), split)
        np.testing.assert_allclose(mean.similarities, together.similarities, atol=1e-6)
        np.testing.assert_array_equal(mean.image_index, together.image_index)


class TestRetrievalFigures:
    scores = SplitScores((np.eye(10) + np.arange(10) / 4.5).astype(np.float32), np.arange(10))

    def test_coco_is_measured_in_folds_and_at_once(self) -> None:
        figures = retrieval_figures(self.scores, PaperDataset.COCO)
        assert list(figures) == ["1K", "5K"]
        # Of all ten captions an image prefers one that stands five or more behind its own; a fold of two has none.
        assert figures["1K"].image_to_text_r1 == 100.0
        assert figures["5K"].image_to_text_r1 == 50.0

    @pytest.mark.parametrize("dataset", [PaperDataset.F30K, PaperDataset.CC152K])
    def test_others_are_measured_at_once(self, dataset: PaperDataset) -> None:
        assert list(retrieval_figures(self.scores, dataset)) == ["test"]


class TestDetectionFigures:
    def test_low_labels_are_mismatches(self) -> None:
        found = detection_figures(np.array([0.1, 0.9, 0.2, 0.8]), np.array([True, False, True, False]))
        assert found is not None
        assert (found.auroc, found.average_precision, found.f1_at_true_rate) == (1.0, 1.0, 1.0)

    def test_there_are_none_without_both_kinds(self) -> None:
        labels = np.array([0.1, 0.9])
        assert detection_figures(labels, None) is None
        assert detection_figures(labels, np.array([False, False])) is None
        assert detection_figures(labels, np.array([True, True])) is None

    def test_there_are_none_of_labels_that_are_all_alike(self) -> None:
        assert detection_figures(np.ones(4), np.array([True, False, True, False])) is None
