"""Phase `report`: labels become ranked report rows, a Parquet artefact and a summary; and all of it is published."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from app.core.models import RunPhase
from app.core.repositories.publishing import ReportValues, publish_report
from worker.pipeline.pair_list import PairList
from worker.pipeline.workspace import RunWork

_HISTOGRAM_BINS = 20
_ARTEFACTS = ("model.safetensors", "report.parquet", "pairs.npz")


@dataclass(frozen=True, eq=False)
class Report:
    """The findings on N pairs, by pair ordinal.

    Attributes:
        pair_ids: (N,) ids.
        rank: (N,) 1 = the lowest correspondence; ties by ordinal.
        correspondence: (N,) float32 in [0, 1], low = bad.
        correspondence_label: (N,) float32 in [0, 1], SCC's floored label.
    """

    pair_ids: list[uuid.UUID]
    rank: npt.NDArray[np.int64]
    correspondence: npt.NDArray[np.float32]
    correspondence_label: npt.NDArray[np.float32]

    def worst_first(self) -> Iterator[ReportValues]:
        """Values of the report rows, by rank."""
        for row in np.argsort(self.rank):
            yield (
                self.pair_ids[row],
                int(self.rank[row]),
                float(self.correspondence[row]),
                float(self.correspondence_label[row]),
            )


def write_report(work: RunWork, pairs: PairList, trained_folder: Path) -> Report:
    """Rank the pairs and write `report.parquet` and `pairs.npz` into the working folder."""
    work.begin(RunPhase.REPORT)
    labels = np.load(trained_folder / "labels.npz", allow_pickle=False)
    correspondence = np.clip(labels["shadow_labels"], 0.0, 1.0).astype(np.float32)
    label = np.clip(labels["labels"], 0.0, 1.0).astype(np.float32)
    rank = np.empty(len(pairs), dtype=np.int64)
    rank[np.argsort(correspondence, kind="stable")] = np.arange(1, len(pairs) + 1)
    report = Report(pairs.ids, rank, correspondence, label)
    _write_parquet(report, work.config.threshold, work.folder / "report.parquet")
    np.savez(
        work.folder / "pairs.npz",
        image_index=pairs.image_index,
        caption_index=pairs.caption_index,
        correspondence=correspondence,
    )
    return report


def publish(work: RunWork, report: Report, summary: dict[str, Any]) -> None:  # Any: JSON
    """Store the artefacts, then write report rows, summary and the job's end in one transaction under the fence.

    Raises:
        LeaseLostError: another worker holds the job; nothing of this report is seen.
    """
    work.handle.check()
    storage = work.handle.context.storage
    folders = (path for path in sorted((work.folder / "index").rglob("*")) if path.is_file())
    for path in (*(work.folder / name for name in _ARTEFACTS), *folders):
        storage.put_file(f"{work.artefact_prefix}/{path.relative_to(work.folder).as_posix()}", path)
    work.handle.transaction(
        lambda session: publish_report(
            session,
            work.handle.claim,
            artefact_prefix=work.artefact_prefix,
            summary=summary,
            rows=report.worst_first(),
        )
    )


def summarise(report: Report, threshold: float) -> dict[str, Any]:  # Any: JSON
    """What the report says of the corpus as a whole."""
    histogram, _ = np.histogram(report.correspondence, bins=_HISTOGRAM_BINS, range=(0.0, 1.0))
    return {
        "n_pairs": len(report.pair_ids),
        "n_flagged": int((report.correspondence < np.float32(threshold)).sum()),
        "threshold": threshold,
        "mean_correspondence": float(report.correspondence.mean()),
        "correspondence_histogram": [int(count) for count in histogram],
        "is_calibrated": False,
    }


def _write_parquet(report: Report, threshold: float, path: Path) -> None:
    order = np.argsort(report.rank)
    table = pa.table(
        {
            "pair_id": [str(report.pair_ids[row]) for row in order],
            "rank": pa.array(report.rank[order], pa.int32()),
            "correspondence": report.correspondence[order],
            "correspondence_label": report.correspondence_label[order],
            "is_mismatch": report.correspondence[order] < np.float32(threshold),
        }
    )
    pq.write_table(table, path, compression="zstd")
