"""A finished run in numbers, as the server answers it."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class GroupName:
    """A group of pairs: a column, and a value in it."""

    column: str
    value: str


@dataclass(frozen=True)
class Cause:
    """A group of pairs in which more is wrong than elsewhere.

    Attributes:
        mismatch_rate: the mean of 1 - correspondence over the group.
        share_of_noise: its part of all mismatches expected in the corpus.
        explained: how many more mismatches it has than as many other pairs, without those in an earlier cause.
        also: groups of nearly the same pairs.
    """

    column: str
    value: str
    n_pairs: int
    n_flagged: int
    expected_mismatches: float
    mismatch_rate: float
    share_of_noise: float
    explained: float
    also: tuple[GroupName, ...] = ()


@dataclass(frozen=True)
class CertificateRefusal:
    """Why a run that was asked for a certificate has none."""

    code: str
    detail: str


@dataclass(frozen=True)
class CertificateSummary:
    """What a run's certificate shows: helps, harms or not_shown, and the mean r_sum of raw, cleaned and random."""

    verdict: str | None = None
    r_sum: dict[str, float] | None = None
    refusal: CertificateRefusal | None = None


@dataclass(frozen=True)
class Comparison:
    """A report beside that of the run of an earlier version.

    Attributes:
        base_threshold: below which that run flags.
        n_gone: pairs that it flagged and that this version no longer has.
        n_new, n_regressed, n_remaining: flagged pairs that it did not know, did not flag, flagged too; None in a run
            that was not read by its summary.
        n_resolved: pairs that it flagged and this run does not.
    """

    base_run_id: str
    base_threshold: float
    n_gone: int
    n_new: int | None = None
    n_regressed: int | None = None
    n_remaining: int | None = None
    n_resolved: int | None = None


@dataclass(frozen=True)
class RunSummary:
    """A finished run in numbers. `correspondence_histogram` counts correspondence in 20 equal bins of [0, 1].

    Attributes:
        fdr: the false discovery rate that `threshold` follows from, or None.
        expected_precision, expected_recall: of the flags, where correspondence is a probability (`is_calibrated`).
        n_decoys: known mismatches that the run planted; none is in the report.
        noise_rate: the estimated share of mismatches, between `noise_rate_low` and `noise_rate_high` with 95 %.
        reliability: ok, weak or insufficient; None of a run that is older than it.
        reliability_reason: a code that says why it is not ok.
        near_recall: how many mismatches with the caption of a similar image the threshold catches, as a share.
        reasons: flagged pairs by reason code; docs/reason-codes.md says what each means.
        causes: the groups of pairs that explain most of the noise, the first first.
    """

    n_pairs: int
    n_images: int
    n_captions: int
    n_flagged: int
    threshold: float
    mean_correspondence: float
    correspondence_histogram: tuple[int, ...]
    encoder: str
    encoder_fingerprint: str
    round_epochs: tuple[int, ...]
    seconds_by_phase: dict[str, float]
    n_words: int | None = None
    r_sum: float | None = None
    is_calibrated: bool = False
    fdr: float | None = None
    expected_precision: float | None = None
    expected_recall: float | None = None
    n_decoys: int = 0
    noise_rate: float | None = None
    noise_rate_low: float | None = None
    noise_rate_high: float | None = None
    reliability: str | None = None
    reliability_reason: str | None = None
    reasons: dict[str, int] = field(default_factory=dict)
    causes: tuple[Cause, ...] = ()
    warmup_epochs: int | None = None
    fold_unit: str | None = None
    near_decoy_histogram: tuple[int, ...] | None = None
    near_recall: float | None = None
    certificate: CertificateSummary | None = None
    comparison: Comparison | None = None
