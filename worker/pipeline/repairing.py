"""After the ranks: what the corpus itself offers to repair its flagged pairs with."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from app.core.models import RepairKind
from app.core.repositories.features import StoredFeatures, pair_row_numbers
from app.core.repositories.repairs import RepairPairValues, RepairValues
from worker.pipeline.features import fetch_features
from worker.pipeline.pair_list import PairList
from worker.pipeline.workspace import RunWork


@dataclass(frozen=True, eq=False)
class ProposedRepairs:
    """The proposals of a run, the one with the largest gain first; the fields are those of the stage's file."""

    kind: npt.NDArray[np.str_]
    n_pairs: npt.NDArray[np.int64]
    offset: npt.NDArray[np.int64]
    row: npt.NDArray[np.int64]
    caption_row: npt.NDArray[np.int64]
    before: npt.NDArray[np.float32]
    after: npt.NDArray[np.float32]

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read what the stage wrote; nothing where it wrote nothing."""
        if not path.exists():
            none, shares = np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32)
            return cls(np.empty(0, dtype=np.str_), none, none, none, none, shares, shares)
        with np.load(path, allow_pickle=False) as stored:
            return cls(**{name: stored[name] for name in cls.__dataclass_fields__})

    def rows(self, row_numbers: npt.NDArray[np.int64]) -> Iterator[RepairValues]:
        """Values of the proposals.

        Args:
            row_numbers: (N,) the row of each pair in the user's manifest.
        """
        for number, part in self._parts():
            rows = self.row[part]
            before, after = self.before[part].astype(np.float64), self.after[part].astype(np.float64)
            yield RepairValues(
                number=number + 1,
                kind=RepairKind(str(self.kind[number])),
                n_pairs=int(self.n_pairs[number]),
                first_row=int(row_numbers[rows[0]]),
                last_row=int(row_numbers[rows[-1]]),
                offset=int(self.offset[number]) or None,
                before=float(before.mean()),
                after=float(after.mean()),
                gain=float((after - before).sum()),
            )

    def pair_rows(self, pairs: PairList) -> Iterator[RepairPairValues]:
        """Values of the pairs that the proposals change."""
        for number, part in self._parts():
            for position, index in enumerate(range(part.start, part.stop)):
                yield RepairPairValues(
                    number=number + 1,
                    position=position,
                    pair_id=pairs.ids[self.row[index]],
                    caption_pair_id=pairs.ids[self.caption_row[index]],
                    before=float(self.before[index]),
                    after=float(self.after[index]),
                )

    def _parts(self) -> Iterator[tuple[int, slice]]:
        ends = np.cumsum(self.n_pairs)
        for number, (end, length) in enumerate(zip(ends.tolist(), self.n_pairs.tolist(), strict=True)):
            yield number, slice(end - length, end)


def repair_spec(work: RunWork, features: StoredFeatures) -> dict[str, Any]:  # Any: JSON
    """What the repairs read beside what the whole stage `report` does."""
    images, captions = fetch_features(work, features)
    return {
        "images": str(images),
        "captions": None if captions is None else str(captions),
        "seed": work.config.seed,
    }


def read_row_numbers(work: RunWork) -> npt.NDArray[np.int64]:
    """(N,) the row of each pair in the user's manifest, by ordinal."""
    numbers = work.handle.transaction(lambda session: list(pair_row_numbers(session, work.version.id)))
    return np.array(numbers, dtype=np.int64)
