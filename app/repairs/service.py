"""Rules of reading proposed repairs."""

from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy.orm import Session

from app.core.models import Repair
from app.core.repositories import repairs
from app.core.repositories.repairs import RepairFilter
from app.repairs.schemas import RepairPairView, RepairView

_SHOWN_PAIRS = 5


def view_repairs(session: Session, wanted: RepairFilter, found: Sequence[Repair]) -> list[RepairView]:
    """Proposals with the first of their pairs."""
    pairs: dict[int, list[RepairPairView]] = defaultdict(list)
    for entry in repairs.first_pairs(session, wanted, [repair.number for repair in found], n_pairs=_SHOWN_PAIRS):
        pairs[entry.number].append(RepairPairView.model_validate(entry))
    return [
        RepairView(
            number=repair.number,
            kind=repair.kind,
            n_pairs=repair.n_pairs,
            first_row=repair.first_row,
            last_row=repair.last_row,
            offset=repair.offset,
            before=repair.before,
            after=repair.after,
            gain=repair.gain,
            pairs=pairs[repair.number],
        )
        for repair in found
    ]
