"""Proposed repairs on the wire."""

import uuid

from pydantic import Field

from app.core.models import RepairKind
from app.schemas import WireModel


class RepairPairView(WireModel):
    """A pair that should have another caption of the corpus."""

    pair_id: uuid.UUID
    pair_key: str = Field(description="the user's id, else a hash of image and caption")
    row_number: int = Field(description="1 = the first row after the header")
    image_id: uuid.UUID
    source_path: str
    caption: str
    before: float = Field(description="how likely the pair matches as it is: its correspondence")
    proposed_pair_id: uuid.UUID = Field(description="the pair whose caption is proposed")
    proposed_pair_key: str
    proposed_row_number: int
    proposed_caption: str
    after: float = Field(description="how likely the image matches the proposed caption")


class RepairView(WireModel):
    """A proposal: one pair that should have another caption, or a block of pairs that should move."""

    number: int = Field(description="1 = the largest gain of the run")
    kind: RepairKind
    n_pairs: int
    first_row: int = Field(description="of its first pair; 1 = the first row after the header")
    last_row: int
    offset: int | None = Field(description="each pair should have the caption so many pairs further; null = one pair")
    before: float = Field(description="mean probability that its pairs match as they are")
    after: float = Field(description="and with the proposed captions")
    gain: float = Field(description="how many more pairs are expected to match")
    pairs: list[RepairPairView] = Field(description="the first of its pairs, at most 5; the CSV has all")
