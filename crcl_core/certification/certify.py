"""Proves, or fails to: one recipe trained on the raw, the cleaned and a randomly thinned corpus."""

import dataclasses
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import torch

from crcl_core.certification.arm_training import ArmTraining, HeldOut
from crcl_core.certification.certificate import ArmResult, Certificate, SeedResult
from crcl_core.certification.config import DEFAULT_SEEDS, CertificationConfig
from crcl_core.certification.identity import DataIdentity, Environment, sha256_of
from crcl_core.certification.split import Arm, CertificationSplit, split_pairs
from crcl_core.data import PairFeatures
from crcl_core.training import TrainingConfig
from crcl_core.types import BoolArray, FloatArray, IntArray

# Features of a part of the corpus and the seed -> (n,) bool, which of the part's pairs cleaning drops.
Detector = Callable[[PairFeatures, int], BoolArray]


@final
@dataclass(frozen=True)
class CertificationProgress:
    """How far a certificate is.

    Attributes:
        seed: Of the training in progress.
        arm: Of the training in progress.
        n_done_epochs: Over all trainings.
        n_total_epochs: Over all trainings.
    """

    seed: int
    arm: Arm
    n_done_epochs: int
    n_total_epochs: int


def certify(
    features: PairFeatures,
    correspondence: FloatArray,
    threshold: float,
    *,
    detect: Detector | None = None,
    seeds: Sequence[int] = DEFAULT_SEEDS,
    config: CertificationConfig | None = None,
    has_joint_space: bool = False,
    device: str | torch.device = "cpu",
    on_training: Callable[[CertificationProgress], None] | None = None,
) -> Certificate:
    """Trains one plain recipe on the raw, the cleaned and a randomly thinned corpus, and compares held-out retrieval.

    Each seed holds out whole images, drawn before anything is known of what was flagged. `cleaned` trains without the
    flagged pairs; `random` without as many pairs drawn blindly, so that it tells what fewer pairs do by themselves;
    `raw` on all that is not held out. Within a seed the arms share the held-out part, the first weights, batch size,
    rates and the number of optimiser steps (equal pairs seen, as DataComp compares filters): a smaller arm sees its
    pairs more often, and none is ahead by more computing. Differences are taken within a seed. The recipe is plain
    InfoNCE, because CRCL withstands mismatches by itself and would hide what cleaning does.

    The held-out pairs are as noisy as the corpus. `r_sum` counts every one of them alike, mismatches too: nobody
    retrieves those, so it lies lower and differs less than on clean pairs, but what was flagged has no say in it. The
    verdict rests on it. `weighted_r_sum` counts each by its correspondence and is nearer to the recall on right pairs;
    it favours, however, whoever agrees with the score, so it stands beside.

    A correspondence comes from a training on all pairs, the held-out ones among them. It saw no truth, but what those
    pairs taught it is in its choice of what to drop. On Flickr8k with one caption an image and 40 % noise that lifted
    the cleaned arm's r_sum by 1 to 4 of the 19 that it gained over raw, and by 9 of 33 with one epoch more. With
    `detect` each seed's cleaning is therefore made anew on the pairs that are not held out, and the certificate is
    *blind*: it proves the method on this corpus rather than one list of flags. Without it the flags are those of
    `correspondence`, and the certificate says so.

    Args:
        features: The corpus.
        correspondence: (N,) float32 in [0, 1], low = bad: of the cleaning that is to be proved.
        threshold: Pairs below it are flagged.
        detect: Makes that cleaning on a part of the corpus. It may take much longer than the trainings here.
        seeds: One comparison each; an interval needs two or more.
        config: Settings.
        has_joint_space: Whether the encoder puts both modalities into one space.
        device: Where to train.
        on_training: Called after each epoch; what it raises ends the work.

    Raises:
        NotCertifiableError: Nothing is flagged, or too few images or pairs would be left.
        ValueError: No seed or one twice, the correspondence does not fit, or a vector is not finite.
        DivergedError: A training diverged.
    """
    settings = config or CertificationConfig()
    if not seeds or len(set(seeds)) != len(seeds):
        raise ValueError(f"seeds are {list(seeds)}, expected one or more, each once")
    if correspondence.shape != (features.n_pairs,) or not np.isfinite(correspondence).all():
        raise ValueError(f"correspondence is {correspondence.shape}, expected {features.n_pairs} finite numbers")
    scores = correspondence.astype(np.float32).clip(0.0, 1.0)
    is_flagged = scores < np.float32(threshold)
    # All of them first: whether there is anything to prove shows before hours of training.
    splits = {seed: split_pairs(features.image_index, is_flagged, settings, seed) for seed in seeds}
    is_blind = detect is not None
    data = DataIdentity.of(features, scores)
    work = _Work(features, scores, settings, has_joint_space, torch.device(device), len(seeds), detect, on_training)
    recipe = _without_seed(settings.recipe(features, 0))
    decided = {
        "config": settings.to_json(),
        "recipe": recipe,
        "seeds": list(seeds),
        "threshold": float(threshold),
        "is_blind": is_blind,
    }
    return Certificate(
        threshold=float(threshold),
        n_flagged=int(is_flagged.sum()),
        results=tuple(work.run_seed(seed, split) for seed, split in splits.items()),
        config=settings,
        recipe=recipe,
        is_blind=is_blind,
        data=data,
        environment=Environment.here(config_sha256=_sha256_of_json(decided), device=work.device),
    )


@final
class _Work:
    def __init__(
        self,
        features: PairFeatures,
        correspondence: FloatArray,
        config: CertificationConfig,
        has_joint_space: bool,
        device: torch.device,
        n_seeds: int,
        detect: Detector | None,
        on_training: Callable[[CertificationProgress], None] | None,
    ) -> None:
        self.device = device
        self._features = features
        self._correspondence = correspondence.astype(np.float64)
        self._training = ArmTraining(features, config, has_joint_space=has_joint_space, device=device)
        self._n_total = n_seeds * len(Arm) * self._training.n_epochs
        self._n_done = 0
        self._config = config
        self._detect = detect
        self._on_training = on_training

    def run_seed(self, seed: int, split: CertificationSplit) -> SeedResult:
        if self._detect is not None:
            split = self._blind_split(self._detect, split.training[Arm.RAW], seed)
        held_out = HeldOut.of(self._features, split.held_out, self._correspondence[split.held_out])
        n_seen = len(split.training[Arm.RAW])
        return SeedResult(
            seed=seed,
            n_held_out_pairs=len(split.held_out),
            n_held_out_images=len(held_out.image_rows),
            held_out_sha256=sha256_of(split.held_out),
            n_steps=self._training.n_epochs * self._training.n_steps(n_seen),
            arms={arm: self._run_arm(arm, split, held_out, n_seen, seed) for arm in Arm},
        )

    def _blind_split(self, detect: Detector, raw: IntArray, seed: int) -> CertificationSplit:
        is_flagged = np.zeros(self._features.n_pairs, dtype=np.bool_)
        is_flagged[raw] = detect(self._features.subset(raw), seed)
        # The held-out part is the same one: it does not depend on flags.
        return split_pairs(self._features.image_index, is_flagged, self._config, seed)

    def _run_arm(self, arm: Arm, split: CertificationSplit, held_out: HeldOut, n_seen: int, seed: int) -> ArmResult:
        pairs = split.training[arm]
        recalls = self._training.train(
            pairs, held_out, n_seen=n_seen, seed=seed, on_epoch=lambda: self._tell(seed, arm)
        )
        return ArmResult(
            n_pairs=len(pairs),
            pairs_sha256=sha256_of(pairs),
            recall=recalls.final,
            weighted_recall=recalls.weighted,
            r_sum_by_epoch=recalls.r_sum_by_epoch,
        )

    def _tell(self, seed: int, arm: Arm) -> None:
        self._n_done += 1
        if self._on_training is not None:
            self._on_training(CertificationProgress(seed, arm, self._n_done, self._n_total))


def _without_seed(recipe: TrainingConfig) -> dict[str, Any]:  # Any: the values of a JSON object.
    return {name: value for name, value in dataclasses.asdict(recipe).items() if name != "seed"}


def _sha256_of_json(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
