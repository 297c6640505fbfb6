"""What the server answers, as frozen dataclasses. Unknown members are ignored, so a newer server does not break."""

from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, TypeVar, cast

from pydantic import TypeAdapter, ValidationError

from mispair.errors import UnexpectedAnswerError
from mispair.run_summary import RunSummary

AnswerT = TypeVar("AnswerT")
JsonObject = dict[str, Any]  # Any: JSON whose members the server's user chose, such as a row's extra columns.


@dataclass(frozen=True)
class JobError:
    """Why a job failed: `code` is stable, `detail` is a sentence."""

    code: str
    detail: str


@dataclass(frozen=True)
class Archive:
    """The bytes that were uploaded. `kind` is zip, tar, tar.gz, tar.zst or parquet."""

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
    n_added: int | None = None
    n_dropped: int | None = None


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
class FormatCandidate:
    """A format that an archive could be in, and why."""

    name: str
    why: str


@dataclass(frozen=True)
class CorpusFormat:
    """The format that a corpus came in: recognised by `why`, or asked for (`is_forced`)."""

    name: str
    is_forced: bool = False
    why: str | None = None
    runners_up: list[FormatCandidate] = field(default_factory=list)


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
    format: CorpusFormat | None = None
    version: CorpusVersion | None = None
    job: Job | None = None


@dataclass(frozen=True)
class Rejection:
    """An input row that was not accepted, with its reason."""

    code: str
    detail: str
    row_number: int | None = None
    source_path: str | None = None
    source_file: str | None = None
    byte_offset: int | None = None


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
        base_correspondence, change: what the run of the version before found, and how this finding differs from it.
        caption_place: among the captions of its image, 1 = the best; None where nothing tells.
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
    caption_place: int | None = None
    base_correspondence: float | None = None
    change: str | None = None


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
class Neighbours:
    """What lies nearest, nearest first."""

    images: tuple[Hit, ...]
    captions: tuple[Hit, ...]


@dataclass(frozen=True)
class PairNeighbours:
    """The neighbours of a pair's image and those of its caption, itself left out."""

    of_image: Neighbours
    of_caption: Neighbours


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
