"""Report rows on the wire."""

import uuid
from typing import Any

from pydantic import Field

from app.core.models import ReasonCode
from app.core.repositories.reports import Change
from app.schemas import WireModel


class ReportRowView(WireModel):
    """The machine's finding on one pair, with the user's own id, path and columns verbatim."""

    pair_id: uuid.UUID
    pair_key: str = Field(description="the user's id, else a hash of image and caption")
    rank: int = Field(description="1 = the lowest correspondence of the run")
    correspondence: float = Field(
        description="how likely the pair matches, 0 to 1; low = bad; a probability where the run is calibrated"
    )
    correspondence_label: float = Field(description="the training's floored soft label, 0 to 1")
    is_mismatch: bool = Field(description="correspondence < threshold")
    caption: str
    image_id: uuid.UUID
    source_id: str | None
    source_path: str
    row_number: int = Field(description="1 = the first row after the header")
    extra: dict[str, Any] | None = Field(description="the user's other columns")  # Any: JSON
    reason_code: ReasonCode | None = Field(
        description="why the pair is suspect, see docs/reason-codes.md; given below a correspondence of 0.5, or below "
        "the run's own threshold where that is higher; null above, and in runs older than reasons"
    )
    evidence: dict[str, Any] | None = Field(  # Any: JSON
        description="what was seen, by reason_code; `runner_up` holds the next reason with its own evidence"
    )
    best_caption: str | None = Field(
        description="the caption of this corpus that fits the image best, where one fits better than the pair's own"
    )
    best_caption_correspondence: float | None = Field(
        description="how likely that caption truly fits, 0 to 1; null where too few pairs surely match to tell"
    )
    repair_image_id: uuid.UUID | None = Field(
        description="the image of this corpus that fits the caption best, where one fits better than the pair's own"
    )
    is_near_duplicate: bool | None = Field(
        description="whether the image is nearly another one of the corpus; null where the corpus was not checked"
    )
    near_duplicate_set: int | None = Field(description="equal for images that are nearly one another")
    correspondence_low: float | None = Field(
        description="the lowest correspondence that one round of the training alone would give; null where the run is "
        "not calibrated, and in older runs"
    )
    correspondence_high: float | None = Field(description="the highest")
    expected_precision_at_cut: float | None = Field(
        description="the share of mismatches to expect among the pairs down to this rank; null where the run is not "
        "calibrated, and in older runs"
    )
    lemon_score: float | None = Field(
        description="LEMoN's score, 0 to 1; low = bad; null where the run was not asked for it"
    )
    similarity_score: float | None = Field(
        description="the encoder's own cosine as (1 + cosine) / 2; low = bad; null where the run was not asked for it, "
        "or the encoder has no joint space"
    )
    caption_place: int | None = Field(
        description="where the caption stands among those of its image, 1 = the best, by models that did not see the "
        "pair and by the image's other captions; null with `method: crcl`, and in older runs"
    )
    base_correspondence: float | None = Field(
        description="what the run before found on this pair; null of a new pair, and where the corpus version goes out "
        "from none that was cleaned"
    )
    change: Change | None = Field(
        description="against the run before, at its own threshold: new, regressed or remaining of a flagged pair, "
        "resolved of one that is flagged no more"
    )


class PairFinding(WireModel):
    """A caption of an image and what the run found on it."""

    pair_id: uuid.UUID
    pair_key: str
    caption: str
    correspondence: float
    is_mismatch: bool


class ImageFacts(WireModel):
    """The image of a pair."""

    image_id: uuid.UUID
    source_path: str = Field(description="the first path that named this content")
    media_type: str
    width_px: int
    height_px: int
    n_bytes: int
    n_frames: int
    sha256: str


class TrajectoryPoint(WireModel):
    """The label of a pair after one epoch."""

    round: int = Field(description="from 0; every round trains a fresh model")
    label: float = Field(description="the unfloored label, 0 to 1")


class PairDetail(ReportRowView):
    """A report row with its image, every caption of that image, worst first, and how its label came about."""

    image: ImageFacts
    captions: list[PairFinding] = Field(description="at most 500")
    trajectory: list[TrajectoryPoint] = Field(
        description="the label after each epoch of training; empty in runs older than the record of it"
    )
