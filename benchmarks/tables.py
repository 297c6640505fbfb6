"""The tables and the figure of docs/results.md, from trainings on a noisy train split.

    python benchmarks/tables.py DATA [--out build/tables] [--only heads-crcl] [--budget-minutes 180] [--plan]

DATA holds `flickr8k-train.zip` and `flickr8k-dev.zip`. The plan with its times is printed first. Each training is one
cell whose result is kept as a file in `--out`, so a run that was cut off goes on with the next cell, and a training
that several tables need is done once. Trainings run side by side, one a core.
`docs/results.md` is written whenever the command ends; a figure whose training is not in `--out` stays as it was.
"""

import argparse
import dataclasses
import json
import os
import time
from collections import deque
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from multiprocessing import get_context
from pathlib import Path

import torch
from measuring import describe_machine, print_result, print_table
from table_cells import Cell, all_cells
from table_corpora import TableCorpora
from table_documents import write_documents
from table_measuring import measure

from crcl_core.training.config import CODE_VERSION

_DOCUMENT = Path(__file__).parents[1] / "docs" / "results.md"


def main() -> None:
    """Run what is missing within the budget, and write the tables."""
    asked = _parse()
    asked.out.mkdir(parents=True, exist_ok=True)
    corpora = TableCorpora(
        asked.data / "flickr8k-train.zip", asked.data / "flickr8k-dev.zip", asked.out, asked.workers * asked.threads
    )
    cells = [cell for cell in all_cells() if asked.only in cell.name]
    missing = [cell for cell in cells if not _path(asked.out, cell).exists()]
    _print_plan(cells, missing, asked.workers)
    if not asked.plan:
        _make_features(missing, corpora)
        n_run = _run(missing, corpora, asked)
        results = {
            cell: json.loads(_path(asked.out, cell).read_text()) for cell in all_cells() if _is_done(asked, cell)
        }
        machine = f"{describe_machine()}; {asked.workers} trainings at a time, threads of each: {asked.threads}"
        write_documents(_DOCUMENT, results, machine=machine)
        print_result({"cells": len(cells), "run_now": n_run, "left": len(missing) - n_run})


def _make_features(missing: list[Cell], corpora: TableCorpora) -> None:
    """Encode the corpora once, with all threads, before several trainings read them."""
    by_features = {cell.model == "heads": cell for cell in missing}
    for cell in by_features.values():
        corpora.noisy_train(cell)
        corpora.clean_dev(cell)


def _run(missing: list[Cell], corpora: TableCorpora, asked: argparse.Namespace) -> int:
    """Train what is missing, several at a time, each in a process with threads of its own; returns how many."""
    ends_at = time.monotonic() + 60 * asked.budget_minutes
    # A copy without the encoder that is open here: an ONNX session does not travel to another process.
    corpora = dataclasses.replace(corpora, threads=asked.threads)
    waiting = deque(missing)
    running: set[Future[str]] = set()
    n_done = 0
    with ProcessPoolExecutor(
        asked.workers, get_context("spawn"), initializer=torch.set_num_threads, initargs=(asked.threads,)
    ) as pool:
        while waiting or running:
            while waiting and len(running) < asked.workers and time.monotonic() + waiting[0].expected_s < ends_at:
                running.add(pool.submit(_measure_and_keep, waiting.popleft(), corpora, asked.out))
            if not running:
                print(f"the budget of {asked.budget_minutes:g} minutes is used up; run again to go on", flush=True)
                break
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                n_done += 1
                print(f"{n_done}/{len(missing)} {future.result()}", flush=True)
    return n_done


def _measure_and_keep(cell: Cell, corpora: TableCorpora, out: Path) -> str:
    """One training in a worker process; its result becomes a file. Returns what to print of it."""
    result = {**measure(cell, corpora), "machine": describe_machine(), "code_version": CODE_VERSION}
    aside = _path(out, cell).with_suffix(".part")
    aside.write_text(json.dumps(result), encoding="utf-8")
    aside.replace(_path(out, cell))
    shown = {name: result.get(name) for name in ("auroc", "r_sum", "seconds")}
    return f"{cell.name}: {shown}"


def _print_plan(cells: list[Cell], missing: list[Cell], n_workers: int) -> None:
    kinds = sorted({(cell.model, cell.method, cell.captions_per_image) for cell in cells})
    rows = []
    for kind in kinds:
        left = [cell for cell in missing if (cell.model, cell.method, cell.captions_per_image) == kind]
        n_all = sum((cell.model, cell.method, cell.captions_per_image) == kind for cell in cells)
        rows.append((*kind, n_all, n_all - len(left), round(sum(cell.expected_s for cell in left) / 60, 1)))
    total = round(sum(cell.expected_s for cell in missing) / 60, 1)
    print_table(
        ("model", "method", "captions", "trainings", "done", "minutes left"),
        [*rows, ("all", "", "", len(cells), len(cells) - len(missing), total)],
    )
    print(f"\n{n_workers} trainings at a time: {round(total / n_workers)} minutes\n", flush=True)


def _path(folder: Path, cell: Cell) -> Path:
    return folder / f"{cell.name}.json"


def _is_done(asked: argparse.Namespace, cell: Cell) -> bool:
    return _path(asked.out, cell).exists()


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="folder of the two archives")
    parser.add_argument("--out", type=Path, default=Path("build/tables"), help="results and features")
    parser.add_argument("--only", default="", help="only cells whose name holds this")
    parser.add_argument("--budget-minutes", type=float, default=180.0, help="begin no training that would end later")
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)), help="trainings at a time")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads of each")
    parser.add_argument("--plan", action="store_true", help="print the plan and end")
    return parser.parse_args()


if __name__ == "__main__":
    main()
