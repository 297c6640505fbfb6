"""How long a corpus takes from its upload to its published report through REST, and how much memory that takes.

    python benchmarks/end_to_end.py corpus.zip

Starts its own `mispair up` on an empty data folder and stops it at the end. The clock runs from the creation of the
corpus to the moment the run reads `done`, so starting the servers is not in it; making the encoder's files ready is.
Memory is the largest resident set of any one process.
"""

import argparse
import tempfile
import time
from pathlib import Path

from measuring import PeakMemory, describe_machine, print_result, print_table, running_stack, seconds_since

from mispair import Client
from mispair.answers import Run
from mispair.commands.run_settings import read_settings


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path, help="a zip or tar archive")
    parser.add_argument("--set", dest="settings", action="append", metavar="KEY=VALUE", help="one run setting")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mispair-e2e-", dir="/tmp") as folder:  # sockets need a short path
        data = Path(folder) / "data"
        with running_stack(data, "--no-demo") as stack, PeakMemory(stack.process.pid) as memory:
            stack.wait_for("READY")
            with Client(data=data) as client:
                started_at = time.monotonic()
                seconds, run = _clean(client, asked.corpus, read_settings(None, asked.settings))
                total = seconds_since(started_at)
    assert run.summary is not None
    in_run = run.summary.seconds_by_phase
    phases = seconds | {phase: round(in_run[phase], 1) for phase in ("features", "train", "report", "index")}
    phases["rest"] = round(total - sum(phases.values()), 1)  # publication, and waiting for a worker and for news
    peaks = memory.by_process()
    print(f"\nmachine: {describe_machine()}\nseed of the run: {run.config.get('seed')}")
    print(f"corpus: {asked.corpus.name}, {run.summary.n_pairs} pairs, {run.summary.n_images} images\n")
    print_table(("phase", "seconds"), [*phases.items(), ("total", total)])
    print()
    print_table(("process", "peak MiB"), [(name, round(mib)) for name, mib in peaks])
    print()
    print_result({"seconds_total": total, "seconds_by_phase": phases, "peak_rss_mib": round(peaks[0][1])})


def _clean(client: Client, archive: Path, settings: dict[str, object]) -> tuple[dict[str, float], Run]:
    """Upload, import and clean; the seconds of what the run itself does not count, and the finished run."""
    started_at = time.monotonic()
    corpus = client.upload(client.create_corpus(archive.stem).id, archive)
    seconds = {"upload": seconds_since(started_at)}
    started_at = time.monotonic()
    corpus = client.wait_for(corpus)
    seconds["import"] = seconds_since(started_at)
    return seconds, client.wait_for(client.start_run(corpus.id, settings))


if __name__ == "__main__":
    main()
