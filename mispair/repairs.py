"""What the server proposes in place of the captions of flagged pairs, as frozen dataclasses."""

from dataclasses import dataclass
from typing import Literal

RepairKind = Literal["reassign", "shift", "swap"]


@dataclass(frozen=True)
class RepairPair:
    """A pair that should have the caption of another; `before` and `after` are probabilities of a match."""

    pair_id: str
    pair_key: str
    row_number: int
    image_id: str
    source_path: str
    caption: str
    before: float
    proposed_pair_id: str
    proposed_pair_key: str
    proposed_row_number: int
    proposed_caption: str
    after: float


@dataclass(frozen=True)
class Repair:
    """A proposal; number 1 has the largest gain of its run.

    Attributes:
        kind: `reassign`, one pair gets the caption of another; `shift`, each pair of a block gets the caption `offset`
            pairs further; `swap`, two blocks exchange their captions.
        first_row, last_row: of its pairs, in the manifest.
        before, after: mean probability that its pairs match, as they are and with the proposed captions.
        gain: how many more pairs are expected to match.
        pairs: the first of them; the CSV has all.
    """

    number: int
    kind: str
    n_pairs: int
    first_row: int
    last_row: int
    before: float
    after: float
    gain: float
    offset: int | None = None
    pairs: tuple[RepairPair, ...] = ()
