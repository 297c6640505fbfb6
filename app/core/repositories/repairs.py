"""SQL of proposed repairs: written with the report, read page by page or as a stream of pairs."""

import uuid
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import REAL, ColumnElement, Select, any_, cast, literal, or_, select
from sqlalchemy.dialects.postgresql import ARRAY, INTEGER
from sqlalchemy.orm import Session, aliased

from app.core.models import Pair, Repair, RepairKind, RepairPair
from app.core.repositories.copying import copy_rows
from app.core.repositories.jobs import Claim

_TYPES = {
    "run_id": "uuid",
    "workspace_id": "uuid",
    "number": "int4",
    "kind": "text",
    "n_pairs": "int4",
    "first_row": "int4",
    "last_row": "int4",
    "offset": "int4",
    "before": "float4",
    "after": "float4",
    "gain": "float4",
}
_PAIR_TYPES = {
    "run_id": "uuid",
    "workspace_id": "uuid",
    "number": "int4",
    "position": "int4",
    "pair_id": "uuid",
    "caption_pair_id": "uuid",
    "before": "float4",
    "after": "float4",
}


class RepairValues(NamedTuple):
    """A proposal as it is stored; see the model."""

    number: int
    kind: RepairKind
    n_pairs: int
    first_row: int
    last_row: int
    offset: int | None
    before: float
    after: float
    gain: float


class RepairPairValues(NamedTuple):
    """A pair of a proposal as it is stored. A tuple, because a run has many."""

    number: int
    position: int
    pair_id: uuid.UUID
    caption_pair_id: uuid.UUID
    before: float
    after: float


@dataclass(frozen=True)
class RepairFilter:
    """Whose proposals to read, and which.

    Attributes:
        kind: only these.
        pair_id: only the proposal that changes this pair, or gives its caption away.
        min_after: only those whose pairs are at least as likely to match afterwards, in the mean.
    """

    workspace_id: uuid.UUID
    run_id: uuid.UUID
    kind: RepairKind | None = None
    pair_id: uuid.UUID | None = None
    min_after: float | None = None


class RepairPairEntry(NamedTuple):
    """A pair of a proposal with its caption and the one that is proposed."""

    number: int
    kind: RepairKind
    offset: int | None
    pair_id: uuid.UUID
    pair_key: str
    row_number: int
    image_id: uuid.UUID
    source_path: str
    caption: str
    before: float
    proposed_pair_id: uuid.UUID
    proposed_pair_key: str
    proposed_row_number: int
    proposed_caption: str
    after: float


def write_repairs(
    session: Session, claim: Claim, repairs: Iterable[RepairValues], pairs: Iterable[RepairPairValues]
) -> None:
    """Write a run's proposals; within the transaction that publishes its report."""
    owner = (claim.subject_id, claim.workspace_id)
    copy_rows(session, "repairs", _TYPES, ((*owner, *values) for values in repairs))
    copy_rows(session, "repair_pairs", _PAIR_TYPES, ((*owner, *values) for values in pairs))


def repair_page(session: Session, wanted: RepairFilter, *, after_number: int, limit: int) -> Sequence[Repair]:
    """At most `limit` proposals with a number above `after_number`, the largest gain first."""
    statement = (
        select(Repair).where(*_conditions(wanted), Repair.number > after_number).order_by(Repair.number).limit(limit)
    )
    return session.execute(statement).scalars().all()


def first_pairs(
    session: Session, wanted: RepairFilter, numbers: Sequence[int], *, n_pairs: int
) -> list[RepairPairEntry]:
    """The first pairs of some proposals, and in any case the pair that the filter asks for."""
    is_shown: ColumnElement[bool] = RepairPair.position < n_pairs
    if wanted.pair_id is not None:
        is_shown = or_(is_shown, _is_about(wanted.pair_id))
    statement = _pairs(wanted).where(is_shown, Repair.number == any_(literal(list(numbers), ARRAY(INTEGER))))
    return [RepairPairEntry._make(row) for row in session.execute(statement)]


def stream_repair_pairs(
    session: Session, wanted: RepairFilter, *, batch_rows: int
) -> Generator[list[RepairPairEntry], None, None]:
    """All pairs, proposal by proposal, in batches from a server-side cursor. Close the generator before its session."""
    with session.execute(_pairs(wanted), execution_options={"yield_per": batch_rows}) as result:
        for rows in result.partitions():
            yield [RepairPairEntry._make(row) for row in rows]


def _pairs(wanted: RepairFilter) -> Select[*tuple[Any, ...]]:  # Any: the columns of a RepairPairEntry
    pair, other = aliased(Pair), aliased(Pair)
    return (
        select(
            Repair.number,
            Repair.kind,
            Repair.offset,
            pair.id,
            pair.pair_key,
            pair.row_number,
            pair.image_id,
            pair.source_path,
            pair.caption,
            RepairPair.before,
            other.id,
            other.pair_key,
            other.row_number,
            other.caption,
            RepairPair.after,
        )
        .join(RepairPair, (RepairPair.run_id == Repair.run_id) & (RepairPair.number == Repair.number))
        .join(pair, pair.id == RepairPair.pair_id)
        .join(other, other.id == RepairPair.caption_pair_id)
        .where(*_conditions(wanted))
        .order_by(Repair.number, RepairPair.position)
    )


def _conditions(wanted: RepairFilter) -> Iterator[ColumnElement[bool]]:
    yield Repair.workspace_id == wanted.workspace_id
    yield Repair.run_id == wanted.run_id
    if wanted.kind is not None:
        yield Repair.kind == wanted.kind
    if wanted.min_after is not None:
        yield Repair.after >= cast(wanted.min_after, REAL)
    if wanted.pair_id is not None:
        with_pair = select(RepairPair.number).where(RepairPair.run_id == wanted.run_id, _is_about(wanted.pair_id))
        yield Repair.number.in_(with_pair)


def _is_about(pair_id: uuid.UUID) -> ColumnElement[bool]:
    return or_(RepairPair.pair_id == pair_id, RepairPair.caption_pair_id == pair_id)
