import pytest

from crcl_core.correspondence import RefinementPhase
from crcl_core.training import TrainingConfig
from crcl_core.training.schedule import epoch_positions

POSITIONS = epoch_positions(TrainingConfig(round_epochs=(2, 3), warmup_epochs=2, learning_rate=1.0, lr_decay_epochs=2))


class TestEpochPositions:
    def test_each_round_counts_its_epochs_from_its_warm_up(self) -> None:
        expected = [(0, epoch) for epoch in range(4)] + [(1, epoch) for epoch in range(5)]
        assert [(position.round, position.epoch) for position in POSITIONS] == expected

    def test_the_index_of_an_epoch_is_how_many_came_before(self) -> None:
        assert [position.n_done for position in POSITIONS] == list(range(9))

    def test_there_are_as_many_as_the_settings_say(self) -> None:
        config = TrainingConfig()
        assert len(epoch_positions(config)) == config.n_total_epochs == 53

    def test_only_the_last_round_is_the_last(self) -> None:
        assert [position.is_last_round for position in POSITIONS] == [False] * 4 + [True] * 5

    def test_labels_freeze_in_warm_ups_and_start_at_the_end_of_the_first(self) -> None:
        frozen, starting, refining = RefinementPhase.FROZEN, RefinementPhase.STARTING, RefinementPhase.REFINING
        expected = [frozen, starting, refining, refining, frozen, frozen, refining, refining, refining]
        assert [position.phase for position in POSITIONS] == expected

    def test_the_rate_falls_to_a_tenth_at_each_step_and_starts_again_with_the_round(self) -> None:
        expected = [1, 1, 0.1, 0.1, 1, 1, 0.1, 0.1, 0.01]
        assert [position.learning_rate for position in POSITIONS] == pytest.approx(expected)

    def test_the_last_round_may_have_a_step_of_its_own(self) -> None:
        config = TrainingConfig(
            round_epochs=(2, 3), warmup_epochs=1, learning_rate=1.0, lr_decay_epochs=3, serving_lr_decay_epochs=1
        )
        expected = [1, 1, 1, 1, 0.1, 0.01, 0.001]
        assert [position.learning_rate for position in epoch_positions(config)] == pytest.approx(expected)

    def test_without_warm_up_the_first_epoch_refines(self) -> None:
        positions = epoch_positions(TrainingConfig(round_epochs=(1,), warmup_epochs=0))
        assert [position.phase for position in positions] == [RefinementPhase.REFINING]
