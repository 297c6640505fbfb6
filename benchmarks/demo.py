"""How long a fresh machine takes from the start to the demo's report, and how good that report is.

    python benchmarks/demo.py

Starts its own `mispair up` on an empty data folder. The area under the ROC curve (AUROC) asks how surely a planted
mismatch has a lower correspondence than a clean pair: over random swaps and over near swaps, which differ in one
attribute.
"""

import argparse
import csv
import tempfile
import time
from pathlib import Path

import numpy as np
from measuring import describe_machine, print_result, print_table, running_stack, seconds_since

from app.core.run_config import RunConfig
from crcl_core.evaluation import auroc
from crcl_core.synthetic import MismatchKind, TruthRow, read_truth
from mispair.commands.demo import demo_files


def main() -> None:
    """Run the benchmark."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    with tempfile.TemporaryDirectory(prefix="mispair-demo-", dir="/tmp") as folder:  # sockets need a short path
        data = Path(folder) / "data"
        started_at = time.monotonic()
        with running_stack(data) as stack:
            report = Path(stack.wait_for("REPORT")["csv"])
            seconds_to_report = seconds_since(started_at)
        scores = _read_scores(report)
        truth = dict(read_truth(demo_files(data).truth))
    print(f"\nmachine: {describe_machine()}\nseed of the run: {RunConfig().seed}\n")
    _print_kinds(scores, truth)
    flagged = {key for key, (_, is_flagged) in scores.items() if is_flagged}
    planted = {key for key, row in truth.items() if row.is_mismatch}
    print(f"\n{len(planted & flagged)} of {len(planted)} planted mismatches among {len(flagged)} flagged pairs\n")
    print_result(
        {
            "seconds_to_report": seconds_to_report,
            "planted": len(planted),
            "found": len(planted & flagged),
            "auroc_random": round(_auroc_of(MismatchKind.RANDOM_SWAP, scores, truth), 4),
            "auroc_near": round(_auroc_of(MismatchKind.NEAR_SWAP, scores, truth), 4),
        }
    )


Scores = dict[str, tuple[float, bool]]  # pair_key: (correspondence, is_mismatch)


def _read_scores(report: Path) -> Scores:
    with report.open(encoding="utf-8", newline="") as file:
        return {
            row["pair_key"]: (float(row["correspondence"]), row["is_mismatch"] == "true")
            for row in csv.DictReader(file)
        }


def _auroc_of(kind: MismatchKind, scores: Scores, truth: dict[str, TruthRow]) -> float:
    """AUROC of clean pairs against mismatches of one kind; 1 = clean."""
    keys = [key for key, row in truth.items() if row.kind in {None, kind}]
    score = np.array([scores[key][0] for key in keys])
    return auroc(score, np.array([truth[key].kind is None for key in keys]))


def _print_kinds(scores: Scores, truth: dict[str, TruthRow]) -> None:
    rows = []
    for kind in sorted({row.kind for row in truth.values() if row.kind is not None}):
        keys = [key for key, row in truth.items() if row.kind is kind]
        rows.append((kind, len(keys), sum(scores[key][1] for key in keys), _auroc_of(kind, scores, truth)))
    print_table(("kind", "planted", "found", "AUROC"), rows)


if __name__ == "__main__":
    main()
