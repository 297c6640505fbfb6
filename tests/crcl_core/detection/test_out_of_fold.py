import numpy as np

from crcl_core.detection import FoldUnit, PlantedDecoys, plant_decoys
from crcl_core.detection.out_of_fold import N_FOLDS, OutOfFold, refine_out_of_fold
from crcl_core.evaluation import auroc
from crcl_core.training import TrainingConfig
from tests.crcl_core.detection.corpora import build_corpus

_CONFIG = TrainingConfig(
    round_epochs=(8,), warmup_epochs=0, joint_dim=16, batch_size=32, learning_rate=5e-3, lr_decay_epochs=6
)
_CORPUS = build_corpus(n_images=120, n_captions_each=2, n_mismatched=72)


def _refined(
    planted: PlantedDecoys,
    *,
    n_rounds: int = 1,
    unit: FoldUnit = FoldUnit.PAIR,
    told: list[tuple[int, int]] | None = None,
) -> OutOfFold:
    labels = np.ones(planted.features.n_pairs)
    on_model = None if told is None else lambda n_done, n_total: told.append((n_done, n_total))
    return refine_out_of_fold(planted, labels, _CONFIG, unit=unit, n_rounds=n_rounds, on_model=on_model)


class TestRefineOutOfFold:
    def test_finds_mismatches_that_its_models_never_saw(self) -> None:
        found = _refined(plant_decoys(_CORPUS.features, 0, 0), n_rounds=2)
        assert auroc(found.score, ~_CORPUS.is_mismatch) > 0.8
        assert auroc(found.labels, ~_CORPUS.is_mismatch) > 0.8

    def test_says_how_far_it_is(self) -> None:
        told: list[tuple[int, int]] = []
        _refined(plant_decoys(_CORPUS.features, 0, 0), n_rounds=2, told=told)
        assert told == [(number + 1, 2 * N_FOLDS) for number in range(2 * N_FOLDS)]

    def test_holds_the_embeddings_of_the_last_round(self) -> None:
        planted = plant_decoys(_CORPUS.features, 20, 0)
        found = _refined(planted, unit=FoldUnit.IMAGE)
        assert found.unit is FoldUnit.IMAGE
        assert found.held_out.images.shape == (N_FOLDS, 120, 16)
        assert found.held_out.captions.shape == (N_FOLDS, 240, 16)
        assert len(found.held_out.fold) == planted.features.n_pairs
        assert found.log_posteriors.shape == (1, 2, planted.features.n_pairs)

    def test_is_the_same_for_the_same_seed(self) -> None:
        planted = plant_decoys(_CORPUS.features, 20, 0)
        np.testing.assert_array_equal(_refined(planted).log_posteriors, _refined(planted).log_posteriors)
