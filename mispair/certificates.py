"""What a certificate says, as the server answers it."""

from dataclasses import dataclass, field

from mispair.answers import JsonObject


@dataclass(frozen=True)
class NumberBySeed:
    """A number that each seed of a certificate measured once. One seed alone has no deviation and no interval."""

    mean: float
    by_seed: tuple[float, ...]
    standard_deviation: float | None = None
    interval_95: tuple[float, float] | None = None


@dataclass(frozen=True)
class CertificateArm:
    """One training of a certificate. `recall` counts every held-out pair alike."""

    n_pairs: int
    r_sum: float
    recall: dict[str, float]


@dataclass(frozen=True)
class CertificateSeed:
    """The trainings of one seed, by arm: raw, cleaned, random."""

    seed: int
    n_held_out_pairs: int
    n_held_out_images: int
    n_steps: int
    arms: dict[str, CertificateArm]


@dataclass(frozen=True)
class Certificate:
    """What training on a cleaned corpus gains.

    Attributes:
        verdict: helps, harms or not_shown.
        r_sum: of raw, cleaned and random, every held-out pair counting alike.
        weighted_r_sum: the same, each held-out pair counting by its correspondence.
        gain: `cleaned_over_raw` and `cleaned_over_random`, differences of r_sum within a seed.
        data: hashes and counts of what it was computed from.
        environment: hashes of code and settings, versions, the machine.
        run: the run that it belongs to.
    """

    format_version: str
    verdict: str
    threshold: float
    n_flagged: int
    r_sum: dict[str, NumberBySeed]
    weighted_r_sum: dict[str, NumberBySeed]
    gain: dict[str, NumberBySeed]
    seeds: tuple[CertificateSeed, ...]
    data: JsonObject
    environment: JsonObject
    run: JsonObject = field(default_factory=dict)
