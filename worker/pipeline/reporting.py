"""Phase `report`: labels become ranked report rows, a Parquet artefact and a summary; and all of it is published."""

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy.orm import Session

from app.core.histogram import share_below
from app.core.models import RunPhase
from app.core.repositories.publishing import ReportValues, publish_report
from app.core.repositories.repairs import write_repairs
from app.core.run_config import RunConfig
from worker.pipeline.calibration import Calibration
from worker.pipeline.certifying import CERTIFICATE_FILES
from worker.pipeline.comparing import BaseFindings
from worker.pipeline.explaining import Explained, PairReason
from worker.pipeline.pair_list import PairList
from worker.pipeline.repairing import read_row_numbers
from worker.pipeline.training import Trained
from worker.pipeline.workspace import RunWork

_HISTOGRAM_BINS = 20
_ARTEFACTS = ("model.safetensors", "report.parquet", "pairs.npz", "trajectories.f16")


@dataclass(frozen=True, eq=False)
class Report:
    """The findings on N pairs, by pair ordinal.

    Attributes:
        pair_ids: (N,) ids.
        rank: (N,) 1 = the lowest correspondence; ties by the training's rank score, then by ordinal.
        correspondence: (N,) float32 in [0, 1], low = bad.
        correspondence_label: (N,) float32 in [0, 1], SCC's floored label.
        low, high: (N,) float32, what single rounds would say; None where the run is not calibrated.
        lemon, similarity: (N,) float32 in [0, 1], low = bad, other scorers'; None where not asked for.
    """

    pair_ids: list[uuid.UUID]
    rank: npt.NDArray[np.int64]
    correspondence: npt.NDArray[np.float32]
    correspondence_label: npt.NDArray[np.float32]
    low: npt.NDArray[np.float32] | None = None
    high: npt.NDArray[np.float32] | None = None
    lemon: npt.NDArray[np.float32] | None = None
    similarity: npt.NDArray[np.float32] | None = None

    def worst_first(
        self,
        reasons: Mapping[int, PairReason],
        caption_places: npt.NDArray[np.int64] | None = None,
        base: npt.NDArray[np.float32] | None = None,
    ) -> Iterator[ReportValues]:
        """Values of the report rows, by rank.

        Args:
            reasons: of those pairs that have one, by ordinal.
            caption_places: (N,) where each caption stands among those of its image.
            base: (N,) correspondence by the base run, NaN of what is new.
        """
        n_mismatched = 0.0
        for row in np.argsort(self.rank):
            reason = reasons.get(int(row))
            n_mismatched += 1.0 - float(self.correspondence[row])
            yield ReportValues(
                self.pair_ids[row],
                int(self.rank[row]),
                float(self.correspondence[row]),
                float(self.correspondence_label[row]),
                _at(self.low, row),
                _at(self.high, row),
                None if self.low is None else min(1.0, n_mismatched / int(self.rank[row])),
                _at(self.lemon, row),
                _at(self.similarity, row),
                None if caption_places is None else int(caption_places[row]),
                None if base is None or np.isnan(base[row]) else float(base[row]),
                *(() if reason is None else reason.columns()),
            )


def write_report(work: RunWork, pairs: PairList, trained: Trained) -> Report:
    """Rank the pairs and write `report.parquet` and `pairs.npz` into the working folder."""
    work.begin(RunPhase.REPORT)
    report = read_findings(trained.folder / "labels.npz", pairs.ids)
    threshold = trained.calibration.threshold_of(work.config)
    _write_parquet(report, threshold, work.folder / "report.parquet")
    np.savez(
        work.folder / "pairs.npz",
        image_index=pairs.image_index,
        caption_index=pairs.caption_index,
        correspondence=report.correspondence,
    )
    return report


def read_findings(labels_file: Path, pair_ids: list[uuid.UUID]) -> Report:
    """Rank what a training left on the pairs."""
    with np.load(labels_file, allow_pickle=False) as labels:
        correspondence = np.clip(labels["correspondence"], 0.0, 1.0).astype(np.float32)
        label = np.clip(labels["labels"], 0.0, 1.0).astype(np.float32)
        worst_first = np.lexsort((labels["rank_score"], correspondence))  # stable: what ties here keeps its order
        more = {name: labels[name] for name in ("low", "high", "lemon", "similarity") if name in labels}
    rank = np.empty(len(pair_ids), dtype=np.int64)
    rank[worst_first] = np.arange(1, len(pair_ids) + 1)
    return Report(pair_ids, rank, correspondence, label, **more)


def _at(values: npt.NDArray[np.float32] | None, row: np.int64) -> float | None:
    return None if values is None else float(values[row])


def publish(
    work: RunWork,
    pairs: PairList,
    report: Report,
    explained: Explained,
    base: BaseFindings | None,
    summary: dict[str, Any],  # Any: JSON
) -> None:
    """Store the artefacts, then write rows, repairs, summary and the job's end in one transaction under the fence.

    Raises:
        LeaseLostError: another worker holds the job; nothing of this report is seen.
    """
    work.handle.check()
    storage = work.handle.context.storage
    folders = (path for path in sorted((work.folder / "index").rglob("*")) if path.is_file())
    certificate = (work.folder / name for name in CERTIFICATE_FILES if (work.folder / name).exists())
    for path in (*(work.folder / name for name in _ARTEFACTS), *certificate, *folders):
        storage.put_file(f"{work.artefact_prefix}/{path.relative_to(work.folder).as_posix()}", path)
    row_numbers = read_row_numbers(work)

    def write(session: Session) -> None:
        publish_report(
            session,
            work.handle.claim,
            artefact_prefix=work.artefact_prefix,
            summary=summary,
            rows=report.worst_first(
                explained.reasons, explained.caption_places, None if base is None else base.correspondence
            ),
        )
        write_repairs(
            session, work.handle.claim, explained.repairs.rows(row_numbers), explained.repairs.pair_rows(pairs)
        )

    work.handle.transaction(write)


def summarise(report: Report, calibration: Calibration, config: RunConfig) -> dict[str, Any]:  # Any: JSON
    """What the report says of the corpus as a whole."""
    histogram, _ = np.histogram(report.correspondence, bins=_HISTOGRAM_BINS, range=(0.0, 1.0))
    threshold = calibration.threshold_of(config)
    is_flagged = report.correspondence < np.float32(threshold)
    return {
        "n_pairs": len(report.pair_ids),
        "n_flagged": int(is_flagged.sum()),
        "mean_correspondence": float(report.correspondence.mean()),
        "correspondence_histogram": [int(count) for count in histogram],
        **asdict(calibration),
        "threshold": threshold,
        "fdr": calibration.fdr_of(config),
        "near_recall": share_below(calibration.near_decoy_histogram or (), threshold),
        **(_expected(report.correspondence, is_flagged) if calibration.is_calibrated else {}),
    }


def _expected(correspondence: npt.NDArray[np.float32], is_flagged: npt.NDArray[np.bool_]) -> dict[str, float | None]:
    """Precision and recall that a probability of a match lets expect; None where there is nothing to divide by."""
    mismatch = 1.0 - correspondence.astype(np.float64)
    flagged, total = float(mismatch[is_flagged].sum()), float(mismatch.sum())
    n_flagged = int(is_flagged.sum())
    return {
        "expected_precision": flagged / n_flagged if n_flagged else None,
        "expected_recall": flagged / total if total else None,
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
