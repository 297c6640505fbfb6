"""What the server answers, as frozen dataclasses. Unknown members are ignored, so a newer server does not break."""

from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, TypeVar, cast

from pydantic import TypeAdapter, ValidationError

from mispair.errors import UnexpectedAnswerError

AnswerT = TypeVar("AnswerT")
JsonObject = dict[str, Any]  # Any: JSON whose members the server's user chose, such as a row's extra columns.


@dataclass(frozen=True)
class JobError:
    """Why a job failed: `code` is stable, `detail` is a sentence."""

    code: str
    detail: str


@dataclass(frozen=True)
class Archive:
    """The bytes that were uploaded. `kind` is zip or tar."""

    bytes: int
    sha256: str
    kind: str | None = None


@dataclass(frozen=True)
class CorpusVersion:
    """What an import made of an archive; n_read = n_accepted + n_rejected."""

    id: str
    number: int
    n_read: int
    n_accepted: int
    n_rejected: int
    n_images: int
    n_captions: int


@dataclass(frozen=True)
class Job:
    """How far a piece of work is. `progress` is in [0, 1] within the whole job."""

    id: str
    kind: str
    state: str
    phase: str | None = None
    progress: float | None = None
    eta_s: float | None = None
    attempt: int = 0
    error: JobError | None = None
    created_at: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None


@dataclass(frozen=True)
class Corpus:
    """A collection of image-caption pairs. States: uploading, uploaded, importing, ready, failed."""

    id: str
    name: str
    state: str
    created_at: datetime
    updated_at: datetime | None = None
    error: JobError | None = None
    archive: Archive | None = None
    version: CorpusVersion | None = None
    job: Job | None = None


@dataclass(frozen=True)
class Rejection:
    """An input row that was not accepted, with its reason."""

    code: str
    detail: str
    row_number: int | None = None
    source_path: str | None = None


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


@dataclass(frozen=True)
class Run:
    """One cleaning of one corpus version. States: queued, running, cancelling, done, failed, cancelled."""

    id: str
    corpus_id: str
    state: str
    created_at: datetime
    corpus_version_id: str | None = None
    phase: str | None = None
    progress: float | None = None
    eta_s: float | None = None
    attempt: int = 0
    metrics: JsonObject | None = None
    config: JsonObject = field(default_factory=dict)
    summary: RunSummary | None = None
    error: JobError | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None


@dataclass(frozen=True)
class JobEvent:
    """One entry of a job's event log; `seq` counts from 1 within the job."""

    seq: int
    kind: str
    at: datetime
    data: JsonObject = field(default_factory=dict)


@dataclass(frozen=True)
class ReportRow:
    """The finding on one pair. `correspondence` is in [0, 1], low = bad; rank 1 is the worst.

    Attributes:
        reason_code: why it is suspect, below a correspondence of 0.5; docs/reason-codes.md says what each means.
        evidence: what was seen, by reason.
        best_caption: the caption of the corpus that fits the image best, where it fits better than the pair's own.
        best_caption_correspondence: how likely it truly fits; None where nothing tells.
        repair_image_id: the image that fits the caption best, where it fits better than the pair's own.
        correspondence_low, correspondence_high: what single rounds would say; None where the run is not calibrated.
        expected_precision_at_cut: the share of mismatches to expect down to this rank.
        lemon_score, similarity_score: what other scorers say, where the run was asked for them.
        is_near_duplicate, near_duplicate_set: whether the image is nearly another one; None where that is not known.
    """

    pair_id: str
    pair_key: str
    rank: int
    correspondence: float
    correspondence_label: float
    is_mismatch: bool
    caption: str
    image_id: str
    source_id: str | None = None
    source_path: str | None = None
    row_number: int | None = None
    extra: JsonObject | None = None
    reason_code: str | None = None
    evidence: JsonObject | None = None
    best_caption: str | None = None
    best_caption_correspondence: float | None = None
    repair_image_id: str | None = None
    is_near_duplicate: bool | None = None
    near_duplicate_set: int | None = None
    correspondence_low: float | None = None
    correspondence_high: float | None = None
    expected_precision_at_cut: float | None = None
    lemon_score: float | None = None
    similarity_score: float | None = None


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


@dataclass(frozen=True)
class HitImage:
    """The image of a search hit."""

    image_id: str
    source_path: str | None = None


@dataclass(frozen=True)
class HitPair:
    """A pair of a search hit: below an image its captions, below a caption its images."""

    pair_id: str
    pair_key: str
    correspondence: float
    is_mismatch: bool
    caption: str | None = None
    image_id: str | None = None
    source_path: str | None = None


@dataclass(frozen=True)
class Hit:
    """One search hit: an image with its captions, or a caption with its pairs."""

    score: float
    image: HitImage | None = None
    captions: tuple[HitPair, ...] = ()
    caption: str | None = None
    pairs: tuple[HitPair, ...] = ()


@dataclass(frozen=True)
class SearchAnswer:
    """Hits, best first, and the query as the server understood it."""

    items: tuple[Hit, ...]
    query: JsonObject = field(default_factory=dict)


@dataclass(frozen=True)
class Key:
    """An API key. `key` is its secret text, present only in the answer that creates it."""

    id: str
    name: str
    public_id: str
    key: str | None = field(default=None, repr=False)
    created_at: datetime | None = None
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None


def parse_answer(kind: type[AnswerT], body: object) -> AnswerT:
    """Turn decoded JSON into an answer.

    Raises:
        UnexpectedAnswerError: a member is missing or of another type.
    """
    try:
        answer: AnswerT = _adapter(cast("Any", kind)).validate_python(body)  # Any: the cache takes any class
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "the whole body"
        raise UnexpectedAnswerError(
            f"the server's {kind.__name__} does not read as one: {where}: {first['msg']}"
        ) from error
    return answer


@lru_cache(maxsize=64)
def _adapter(kind: Any) -> TypeAdapter[Any]:  # Any: one cache for every answer class
    return TypeAdapter(kind)
