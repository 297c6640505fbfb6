"""NCR: two networks that divide the pairs for each other and learn from rectified labels."""

import copy
import dataclasses
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import structlog
import torch
from torch import Tensor

from crcl_core.correspondence import CorrespondenceLabels
from crcl_core.data import PairFeatures
from crcl_core.losses import SoftMarginTripletLoss
from crcl_core.models import MatchingModel, ModelSpec
from crcl_core.models.ensemble import SimilarityEnsemble
from crcl_core.seeding import generator, stream_seed
from crcl_core.training.batches import held_out_pairs, near_equal_batches, without
from crcl_core.training.config import TrainingConfig
from crcl_core.training.embedding import similarity_matrix
from crcl_core.training.epoch import EpochTraining
from crcl_core.training.feature_bank import FeatureBank
from crcl_core.training.objectives import GivenLabelsObjective
from crcl_core.training.rectified_labels import Judgement, judged, pair_losses, rectified_labels
from crcl_core.training.reports import N_HISTOGRAM_BINS, EpochReport
from crcl_core.training.schedule import EpochPosition, epoch_positions
from crcl_core.training.state import fresh_round, model_spec
from crcl_core.training.validation import held_out_r_sum
from crcl_core.types import BoolArray, DivergedError, DoubleArray, FloatArray, TokenArray

log = structlog.get_logger()

_N_NETWORKS = 2
_DIVERGED_SCALE = 0.5
# Where the settings name no warm-up. The paper's is longer, but heads on frozen vectors soon fit mismatches, and models
# that have fitted them divide no more. On Flickr8k (one caption an image, 40 % noise, twelve epochs in all) AUROC of
# the scores was 0.900 after one epoch of warm-up and 0.658 after three.
_WARMUP_SHARE = 0.1


@final
@dataclass(frozen=True, eq=False)
class NcrResult:
    """Two networks trained by NCR, and what they think of the pairs.

    Attributes:
        scores: (N,) in [0, 1], low = bad: mean posterior of the clean component.
        labels: (N,) in [0, 1], mean of the soft labels that the networks give each other.
        is_held_out: (N,) bool, pairs that no network was trained on.
        models: The networks, on the CPU, in evaluation mode.
        spec: What builds one of them.
        serving_epoch: Epoch that they come from, warm-up counted.
        reports: One a finished epoch; losses are means of both networks.
        learning_rate_scale: 1, or 0.5 if training diverged once.
    """

    scores: DoubleArray
    labels: DoubleArray
    is_held_out: BoolArray
    models: tuple[MatchingModel, ...]
    spec: ModelSpec
    serving_epoch: int
    reports: tuple[EpochReport, ...]
    learning_rate_scale: float = 1.0

    def similarity_matrix(
        self,
        image_features: FloatArray,
        caption_features: FloatArray | TokenArray,
        *,
        device: str | torch.device = "cpu",
    ) -> FloatArray:
        """Scores all images against all captions, (I, C): the mean over the networks, by which NCR retrieves."""
        total = np.zeros((len(image_features), len(caption_features)), dtype=np.float32)
        for model in self.models:
            total += similarity_matrix(model, image_features, caption_features, device=device)
        total /= len(self.models)
        return total


def train_ncr(
    features: PairFeatures,
    config: TrainingConfig,
    *,
    has_joint_space: bool = False,
    device: str | torch.device = "cpu",
    on_epoch: Callable[[EpochReport], None] | None = None,
) -> NcrResult:
    """Trains two networks by NCR.

    Warm-up: both learn all pairs by the triplet loss over all negatives. Every epoch after it begins with each network
    dividing the pairs by a mixture on their losses; each then learns from its peer's division, by the triplet loss with
    the hardest negatives and soft margins: the clean pairs, and in the second half of these epochs the noisy ones too.

    Where we deviate: labels are rectified once an epoch over the whole corpus instead of once a batch, clean and noisy
    pairs share their batches, and the mixture and what it divides are guarded (see `low_loss_posterior`). A loss that
    is not finite sends both networks back to the epoch's beginning once, at half the rate. There are no checkpoints: a
    training that was stopped begins anew.

    Args:
        features: The corpus, two pairs or more.
        config: Model, sizes, rates, margin and seed; one round. Its warm-up epochs are NCR's; where they are 0, a
            tenth of the round is, one epoch at least. Objective, temperature and what refines labels do not matter.
        has_joint_space: Whether the encoder puts both modalities into one space.
        device: Where to train.
        on_epoch: Called after each epoch.

    Raises:
        ValueError: More than one round or a round of one epoch without warm-up, fewer than two pairs, a number that is
            not finite, or features that the model does not read.
        DivergedError: A loss, a gradient or a weight was not finite, twice.

    Source: Huang et al., "Learning with Noisy Correspondence for Cross-modal Matching" (NeurIPS 2021).
    """
    if features.n_pairs < 2:
        raise ValueError(f"the corpus has {features.n_pairs} pairs, expected 2 or more")
    if len(config.round_epochs) != 1:
        raise ValueError(f"round_epochs is {config.round_epochs}, and NCR trains one round: expected one number")
    features.fingerprint()  # It refuses numbers that are not finite and names their row.
    spec = model_spec(config, features, has_joint_space=has_joint_space)
    return _CoTraining(features, _with_warmup(config), spec, torch.device(device)).run(on_epoch)


def _with_warmup(config: TrainingConfig) -> TrainingConfig:
    if config.warmup_epochs:
        return config
    (n_epochs,) = config.round_epochs
    n_warmup = max(1, round(_WARMUP_SHARE * n_epochs))
    return dataclasses.replace(config, warmup_epochs=n_warmup, round_epochs=(n_epochs - n_warmup,))


@final
class _Network:
    """One of the two: a model with its own seed, and the labels that it learns from."""

    def __init__(
        self,
        number: int,
        config: TrainingConfig,
        spec: ModelSpec,
        bank: FeatureBank,
        device: torch.device,
        n_pairs: int,
    ) -> None:
        own = dataclasses.replace(config, seed=stream_seed(config.seed, "network", number))
        self.model, self._optimizer = fresh_round(own, spec, 0, device)
        self._labels = CorrespondenceLabels(n_pairs)
        self._trainings = {
            is_warmup: EpochTraining(
                own,
                bank,
                device,
                GivenLabelsObjective(SoftMarginTripletLoss(margin=config.margin, has_hardest_only=not is_warmup)),
            )
            for is_warmup in (True, False)
        }

    def learn_from(self, labels: DoubleArray) -> None:
        given = torch.from_numpy(labels)
        self._labels.load_state_dict({"labels": given, "shadow_labels": given})

    def train(self, pairs: Tensor, position: EpochPosition, *, is_warmup: bool) -> float:
        for group in self._optimizer.param_groups:
            group["lr"] = position.learning_rate
        training = self._trainings[is_warmup]
        return training.train(self.model, self._optimizer, self._labels, pairs, position).total

    def state(self) -> dict[str, dict[str, Any]]:  # Any: what PyTorch's optimisers keep.
        """A copy of what an epoch changes; labels are set anew in each."""
        return copy.deepcopy({"model": self.model.state_dict(), "optimizer": self._optimizer.state_dict()})

    def go_back(self, state: dict[str, dict[str, Any]]) -> None:  # Any: as above.
        """Takes over a state, which is the network's own from then on."""
        self.model.load_state_dict(state["model"])
        self._optimizer.load_state_dict(state["optimizer"])


@final
class _CoTraining:
    def __init__(self, features: PairFeatures, config: TrainingConfig, spec: ModelSpec, device: torch.device) -> None:
        self._features = features
        self._config = config
        self._spec = spec
        self._device = device
        self._bank = FeatureBank(features, device)
        self._held_out = held_out_pairs(features.image_index, config.validation_ratio, config.seed)
        self._is_held_out = np.zeros(features.n_pairs, dtype=np.bool_)
        self._is_held_out[self._held_out.numpy()] = True
        self._networks = [
            _Network(number, config, spec, self._bank, device, features.n_pairs) for number in range(_N_NETWORKS)
        ]
        self._ensemble = SimilarityEnsemble([network.model for network in self._networks])
        self._learning_rate_scale = 1.0

    def run(self, on_epoch: Callable[[EpochReport], None] | None) -> NcrResult:
        reports: list[EpochReport] = []
        serving: tuple[dict[str, Tensor], int, float | None] | None = None
        positions = epoch_positions(self._config)
        for position in positions:
            report = self._run_or_go_back(position, len(positions))
            reports.append(report)
            is_better = serving is None or report.r_sum is None or serving[2] is None or report.r_sum > serving[2]
            if is_better and not self._is_warmup(position):
                weights = {name: value.detach().clone() for name, value in self._ensemble.state_dict().items()}
                serving = (weights, position.epoch, report.r_sum)
            if on_epoch is not None:
                on_epoch(report)
        assert serving is not None
        self._ensemble.load_state_dict(serving[0])
        return self._result(serving[1], tuple(reports))

    def _run_or_go_back(self, position: EpochPosition, n_total: int) -> EpochReport:
        before = [network.state() for network in self._networks]
        try:
            return self._run_epoch(self._slowed(position), n_total)
        except DivergedError as error:
            is_final = self._learning_rate_scale < 1.0
            log.warning("training.diverged", detail=str(error), is_final=is_final)
            if is_final:
                raise
        for network, state in zip(self._networks, before, strict=True):
            network.go_back(state)
        self._learning_rate_scale = _DIVERGED_SCALE
        return self._run_epoch(self._slowed(position), n_total)

    def _slowed(self, position: EpochPosition) -> EpochPosition:
        return dataclasses.replace(position, learning_rate=position.learning_rate * self._learning_rate_scale)

    def _run_epoch(self, position: EpochPosition, n_total: int) -> EpochReport:
        started_at = time.monotonic()
        pairs = without(self._features.n_pairs, self._held_out)
        if self._is_warmup(position):
            labels = np.ones(self._features.n_pairs)
            losses = [network.train(pairs, position, is_warmup=True) for network in self._networks]
        else:
            labels, losses = self._run_rectified(pairs, position)
        histogram, _ = np.histogram(labels, bins=N_HISTOGRAM_BINS, range=(0.0, 1.0))
        loss = float(np.mean(losses))
        return EpochReport(
            round=position.round,
            epoch=position.epoch,
            n_done_epochs=position.n_done + 1,
            n_total_epochs=n_total,
            active_loss=loss,
            complementary_loss=0.0,
            total_loss=loss,
            label_histogram=tuple(int(count) for count in histogram),
            r_sum=self._held_out_r_sum(),
            seconds=time.monotonic() - started_at,
        )

    def _run_rectified(self, pairs: Tensor, position: EpochPosition) -> tuple[DoubleArray, list[float]]:
        # Both divide before either learns, so that neither has an epoch's advantage.
        judgements = self._judgements(position.epoch)
        labels, losses = _labels_of_each(judgements), []
        for network, given, peer in zip(self._networks, labels, judgements[::-1], strict=True):
            network.learn_from(given)
            used = pairs if self._learns_from_noisy(position) else pairs[torch.from_numpy(peer.is_clean)[pairs]]
            losses.append(network.train(used, position, is_warmup=False))
        return np.mean(labels, axis=0), losses

    def _judgements(self, epoch: int) -> list[Judgement]:
        every_pair = torch.arange(self._features.n_pairs)
        order = generator(self._config.seed, "judging", epoch)
        batches = near_equal_batches(every_pair, self._config.batch_size, order)
        margin = self._config.margin
        return [
            judged(
                pair_losses(
                    network.model, self._bank, batches, margin=margin, masks_siblings=self._config.mask_siblings
                ),
                self._is_held_out,
                margin=margin,
                seed=stream_seed(self._config.seed, "mixture", number) % 2**32,  # All that scikit-learn takes.
            )
            for number, network in enumerate(self._networks)
        ]

    def _is_warmup(self, position: EpochPosition) -> bool:
        return position.epoch < self._config.warmup_epochs

    def _learns_from_noisy(self, position: EpochPosition) -> bool:
        (n_epochs,) = self._config.round_epochs
        return position.epoch - self._config.warmup_epochs >= n_epochs // 2

    def _held_out_r_sum(self) -> float | None:
        if not len(self._held_out):
            return None
        # Every pair counts alike: the labels move from epoch to epoch, and epochs are compared.
        weights = np.ones(len(self._held_out))
        return held_out_r_sum(self._ensemble, self._features, self._held_out, weights, self._device)

    def _result(self, serving_epoch: int, reports: tuple[EpochReport, ...]) -> NcrResult:
        judgements = self._judgements(serving_epoch)
        return NcrResult(
            scores=np.mean([judgement.posterior for judgement in judgements], axis=0),
            labels=np.mean(_labels_of_each(judgements), axis=0),
            is_held_out=self._is_held_out,
            models=tuple(network.model.to("cpu").eval() for network in self._networks),
            spec=self._spec,
            serving_epoch=serving_epoch,
            reports=reports,
            learning_rate_scale=self._learning_rate_scale,
        )


def _labels_of_each(judgements: list[Judgement]) -> list[DoubleArray]:
    return [rectified_labels(own, peer) for own, peer in zip(judgements, judgements[::-1], strict=True)]
