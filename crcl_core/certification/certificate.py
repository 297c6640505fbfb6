"""What a certificate says: the recalls of each arm and seed, the paired differences, and what they come from."""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from statistics import fmean, stdev
from typing import Any, final

from scipy.special import stdtrit

from crcl_core.certification.config import CertificationConfig
from crcl_core.certification.identity import DataIdentity, Environment
from crcl_core.certification.split import Arm
from crcl_core.evaluation import RetrievalMetrics

FORMAT_VERSION = "1"
_TWO_SIDED_95 = 0.975


class Verdict(StrEnum):
    """What the differences show, by their 95 % intervals."""

    HELPS = "helps"  # Cleaned is above raw and above random.
    HARMS = "harms"  # Cleaned is below raw.
    NOT_SHOWN = "not_shown"  # Neither; also with one seed, which has no interval.


@final
@dataclass(frozen=True)
class ArmResult:
    """One training.

    Attributes:
        n_pairs: How many pairs it trained on.
        pairs_sha256: Of their ordinals.
        recall: Of the final model on the held-out pairs, every pair counting alike.
        weighted_recall: The same, each pair counting by its correspondence.
        r_sum_by_epoch: r_sum after each epoch.
    """

    n_pairs: int
    pairs_sha256: str
    recall: RetrievalMetrics
    weighted_recall: RetrievalMetrics
    r_sum_by_epoch: tuple[float, ...]

    @property
    def r_sum(self) -> float:
        """Of the final model, in [0, 600]."""
        return self.recall.r_sum

    @property
    def best_r_sum(self) -> float:
        """At the epoch that was best on the held-out pairs themselves."""
        return max(self.r_sum_by_epoch)

    def to_json(self) -> dict[str, Any]:  # Any: the values of a JSON object.
        """Returns plain values."""
        return {
            "n_pairs": self.n_pairs,
            "pairs_sha256": self.pairs_sha256,
            "r_sum": round(self.r_sum, 4),
            "recall": _rounded(self.recall),
            "weighted_r_sum": round(self.weighted_recall.r_sum, 4),
            "weighted_recall": _rounded(self.weighted_recall),
            "best_r_sum": round(self.best_r_sum, 4),
            "r_sum_by_epoch": [round(value, 4) for value in self.r_sum_by_epoch],
        }


@final
@dataclass(frozen=True)
class SeedResult:
    """The three trainings of one seed, which share the held-out part, the first weights and the number of steps.

    Attributes:
        held_out_sha256: Of the held-out pairs' ordinals.
        n_steps: Optimiser steps of each arm.
        arms: One an arm.
    """

    seed: int
    n_held_out_pairs: int
    n_held_out_images: int
    held_out_sha256: str
    n_steps: int
    arms: Mapping[Arm, ArmResult]

    def to_json(self) -> dict[str, Any]:  # Any: the values of a JSON object.
        """Returns plain values."""
        return {
            **{name: getattr(self, name) for name in ("seed", "n_held_out_pairs", "n_held_out_images")},
            "held_out_sha256": self.held_out_sha256,
            "n_steps": self.n_steps,
            "arms": {arm.value: result.to_json() for arm, result in self.arms.items()},
        }


@final
@dataclass(frozen=True)
class Spread:
    """A number that each seed measured once.

    Attributes:
        by_seed: In the order of the seeds.
    """

    by_seed: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Mean over the seeds."""
        return fmean(self.by_seed)

    @property
    def standard_deviation(self) -> float | None:
        """Between seeds; None of one seed."""
        return stdev(self.by_seed) if len(self.by_seed) > 1 else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % interval of the mean by Student's t; None of one seed.

        It tells how far seeds scatter. Their held-out parts and trainings share most of one corpus, so another corpus
        may differ by more.
        """
        if self.standard_deviation is None:
            return None
        n_seeds = len(self.by_seed)
        half = float(stdtrit(n_seeds - 1, _TWO_SIDED_95)) * self.standard_deviation / math.sqrt(n_seeds)
        return self.mean - half, self.mean + half

    def to_json(self) -> dict[str, Any]:  # Any: the values of a JSON object.
        """Returns plain values."""
        deviation = self.standard_deviation
        return {
            "mean": round(self.mean, 4),
            "standard_deviation": None if deviation is None else round(deviation, 4),
            "interval_95": None if self.interval is None else [round(end, 4) for end in self.interval],
            "by_seed": [round(value, 4) for value in self.by_seed],
        }


@final
@dataclass(frozen=True)
class Certificate:
    """What training on the cleaned corpus gains over training on the raw one and over dropping pairs at random.

    Attributes:
        threshold: Pairs with a correspondence below it are flagged, and `cleaned` lacks them.
        n_flagged: In the whole corpus.
        results: One a seed.
        config: Settings.
        recipe: How every arm was trained, the seed aside.
        is_blind: Whether each seed's cleaning was made without its held-out pairs, see `certify`.
        data: What it was computed from.
        environment: Code and machine that computed it.
    """

    threshold: float
    n_flagged: int
    results: tuple[SeedResult, ...]
    config: CertificationConfig
    recipe: Mapping[str, Any]  # Any: the values of a JSON object.
    is_blind: bool
    data: DataIdentity
    environment: Environment

    def r_sum(self, arm: Arm) -> Spread:
        """r_sum of an arm by seed, every held-out pair counting alike."""
        return Spread(tuple(result.arms[arm].r_sum for result in self.results))

    def weighted_r_sum(self, arm: Arm) -> Spread:
        """r_sum of an arm by seed, each held-out pair counting by its correspondence."""
        return Spread(tuple(result.arms[arm].weighted_recall.r_sum for result in self.results))

    def best_r_sum(self, arm: Arm) -> Spread:
        """r_sum of an arm by seed, each at the epoch that suits it best."""
        return Spread(tuple(result.arms[arm].best_r_sum for result in self.results))

    def gain(self, over: Arm) -> Spread:
        """r_sum of `cleaned` less that of another arm, seed by seed."""
        return _difference(self.r_sum(Arm.CLEANED), self.r_sum(over))

    @property
    def verdict(self) -> Verdict:
        """What the gains show."""
        over_raw, over_random = self.gain(Arm.RAW).interval, self.gain(Arm.RANDOM).interval
        if over_raw is None or over_random is None:
            return Verdict.NOT_SHOWN
        if over_raw[1] < 0:
            return Verdict.HARMS
        return Verdict.HELPS if over_raw[0] > 0 and over_random[0] > 0 else Verdict.NOT_SHOWN

    def to_json(self) -> dict[str, Any]:  # Any: the values of a JSON object.
        """Returns plain values; equal inputs on one machine give equal ones."""
        others = (Arm.RAW, Arm.RANDOM)
        numbers = {"r_sum": self.r_sum, "weighted_r_sum": self.weighted_r_sum, "best_r_sum": self.best_r_sum}
        return {
            "format": "mispair-certificate",
            "format_version": FORMAT_VERSION,
            "verdict": self.verdict.value,
            "is_blind": self.is_blind,
            "threshold": self.threshold,
            "n_flagged": self.n_flagged,
            **{name: {arm.value: number(arm).to_json() for arm in Arm} for name, number in numbers.items()},
            "gain": {f"cleaned_over_{arm.value}": self.gain(arm).to_json() for arm in others},
            "weighted_gain": {
                f"cleaned_over_{arm.value}": _difference(
                    self.weighted_r_sum(Arm.CLEANED), self.weighted_r_sum(arm)
                ).to_json()
                for arm in others
            },
            "seeds": [result.to_json() for result in self.results],
            "config": self.config.to_json(),
            "recipe": dict(self.recipe),
            "data": dataclasses.asdict(self.data),
            "environment": dataclasses.asdict(self.environment),
        }


def _difference(first: Spread, second: Spread) -> Spread:
    return Spread(tuple(a - b for a, b in zip(first.by_seed, second.by_seed, strict=True)))


def _rounded(metrics: RetrievalMetrics) -> dict[str, float]:
    return {name: round(value, 4) for name, value in dataclasses.asdict(metrics).items()}
