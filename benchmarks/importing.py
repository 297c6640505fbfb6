"""How fast archives are imported through REST, and whether memory stays flat as they grow.

    python benchmarks/importing.py --images 10000 --rows 100000

Starts its own `mispair up`. Three archives: a manifest of a tenth of `--rows` rows that name 100 images, one of
`--rows`, and `--images` distinct JPEGs of 224 px with a caption each. Seconds are those between the claim of the import
job and its end, by the server's clock, so reading, decoding, storing and writing the rows are all in them. Memory is
the largest resident set that a process of the worker had so far.
"""

import argparse
import io
import tempfile
import zipfile
from pathlib import Path

import numpy as np
from measuring import PeakMemory, describe_machine, print_result, print_table, running_stack
from PIL import Image

from mispair import Client

_SIDE_PX = 224
_N_SHARED = 100
_SEED = 0


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--rows", type=int, default=100_000)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mispair-import-", dir="/tmp") as folder:  # sockets need a short path
        archives = {
            "a tenth of the rows": _archive(Path(folder) / "few.zip", n_images=_N_SHARED, n_rows=asked.rows // 10),
            "rows": _archive(Path(folder) / "rows.zip", n_images=_N_SHARED, n_rows=asked.rows),
            "images": _archive(Path(folder) / "images.zip", n_images=asked.images, n_rows=asked.images),
        }
        data = Path(folder) / "data"
        with running_stack(data, "--no-demo") as stack:
            stack.wait_for("READY")
            with Client(data=data) as client:
                measured = {name: _import(client, path, stack.process.pid) for name, path in archives.items()}
    n_rows = {"images": asked.images, "a tenth of the rows": asked.rows // 10, "rows": asked.rows}
    print(f"\nmachine: {describe_machine()}; seed {_SEED}\n")
    print_table(
        ("archive", "pairs", "seconds", "pairs/s", "peak MiB"),
        [
            (name, n_rows[name], round(seconds, 1), round(n_rows[name] / seconds), round(peak))
            for name, (seconds, peak) in measured.items()
        ],
    )
    print()
    print_result(
        {
            "pairs_per_s": round(asked.images / measured["images"][0]),
            "manifest_rows_per_s": round(asked.rows / measured["rows"][0]),
            "peak_rss_mib": round(max(peak for _, peak in measured.values())),
            "ratio_of_peaks_tenfold_rows": round(measured["rows"][1] / measured["a tenth of the rows"][1], 2),
        }
    )


def _import(client: Client, path: Path, pid: int) -> tuple[float, float]:
    """Seconds of the import, and MiB of the largest worker process."""
    with PeakMemory(pid) as memory:
        corpus = client.wait_for(client.upload(client.create_corpus(path.stem).id, path))
    assert corpus.job is not None
    assert corpus.job.started_at is not None
    assert corpus.job.finished_at is not None
    seconds = (corpus.job.finished_at - corpus.job.started_at).total_seconds()
    peaks = [mib for name, mib in memory.by_process() if "worker" in name or "celery" in name]
    return seconds, max(peaks)


def _archive(path: Path, *, n_images: int, n_rows: int) -> Path:
    random = np.random.default_rng(_SEED)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for number in range(n_images):
            archive.writestr(f"images/{number:07d}.jpg", _jpeg(random))
        rows = "".join(
            f"images/{row % n_images:07d}.jpg,a picture of thing {row} beside thing {row * 7 % 1_000}\n"
            for row in range(n_rows)
        )
        archive.writestr("captions.csv", "image,caption\n" + rows)
    return path


def _jpeg(random: np.random.Generator) -> bytes:
    """Soft colours with some grain, so that it takes about as many bytes as a photo of its size (some 12 kB)."""
    coarse = random.integers(0, 256, (8, 8, 3), dtype=np.uint8)
    smooth = np.asarray(Image.fromarray(coarse).resize((_SIDE_PX, _SIDE_PX), Image.Resampling.BICUBIC), dtype=np.int16)
    grain = random.integers(-12, 13, smooth.shape, dtype=np.int16)
    file = io.BytesIO()
    Image.fromarray(np.clip(smooth + grain, 0, 255).astype(np.uint8)).save(file, "JPEG", quality=85)
    return file.getvalue()


if __name__ == "__main__":
    main()
