"""Which epoch comes when, and what it does."""

from dataclasses import dataclass

from crcl_core.correspondence import RefinementPhase, refinement_phase
from crcl_core.training.config import TrainingConfig

_DECAY = 0.1


@dataclass(frozen=True)
class EpochPosition:
    """One epoch of a training.

    Attributes:
        round: Round, from 0.
        epoch: Epoch within the round, from 0, warm-up counted.
        n_done: Epochs of the whole training before this one.
        is_last_round: Whether its model may serve.
        phase: What its steps do to the labels.
        learning_rate: Rate of its steps.
    """

    round: int
    epoch: int
    n_done: int
    is_last_round: bool
    phase: RefinementPhase
    learning_rate: float


def epoch_positions(config: TrainingConfig) -> list[EpochPosition]:
    """Lists all epochs of a training in their order; an index into it is the number of epochs done before."""
    positions: list[EpochPosition] = []
    for round_number, n_epochs in enumerate(config.round_epochs):
        is_last_round = round_number == len(config.round_epochs) - 1
        decay_epochs = (config.serving_lr_decay_epochs if is_last_round else None) or config.lr_decay_epochs
        for epoch in range(config.warmup_epochs + n_epochs):
            positions.append(
                EpochPosition(
                    round=round_number,
                    epoch=epoch,
                    n_done=len(positions),
                    is_last_round=is_last_round,
                    phase=refinement_phase(round_number, epoch, config.warmup_epochs),
                    learning_rate=config.learning_rate * _DECAY ** (epoch // decay_epochs),
                )
            )
    return positions
