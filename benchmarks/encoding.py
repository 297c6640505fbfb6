"""How fast the service turns a corpus into vectors, JPEG decoding included, beside what the bare model would take.

    python benchmarks/encoding.py train.zip

Runs the service's own encoding stage, as a process of its own, on the archive's distinct images and captions, and
`--repeats` times in turn with the model alone in this process: on images that are decoded and resized already, and on
captions. Rates are medians over the repeats; loading the encoder is not in them. Memory is the stage's peak resident
set. An archive is a zip with `captions.csv` (header `image,caption`) and the images.
"""

import argparse
import csv
import io
import json
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from measuring import PeakMemory, describe_machine, print_result, print_table

from app.core.storage import open_storage
from crcl_core.data import normalise_caption
from crcl_core.encoders import ByteArray, Encoder, load_encoder
from worker.pipeline.image_decoding import open_image, upright_rgb

_SHARD = "images-0"
_BARE_IMAGES = 512
_BARE_CAPTIONS = 4096


@dataclass(frozen=True)
class Inputs:
    """A corpus as the stage reads it.

    Attributes:
        spec: What the stage is told.
        images: The first `_BARE_IMAGES` images, as files.
        captions: The first `_BARE_CAPTIONS` captions.
        n_images: Images in all.
        n_captions: Captions in all.
    """

    spec: dict[str, object]
    images: list[bytes]
    captions: list[str]
    n_images: int
    n_captions: int


@dataclass(frozen=True)
class Rates:
    """What one repeat measured, per second; memory in MiB."""

    images: float
    bare_images: float
    captions: float
    bare_captions: float
    peak_rss_mib: float


def main() -> None:
    """Run the benchmark."""
    asked = _parse()
    with tempfile.TemporaryDirectory(prefix="mispair-encoding-") as folder:
        inputs = _unpack(asked, Path(folder))
        encoder = load_encoder(
            asked.encoder, _specs(asked), cache_dir=asked.cache or Path(folder) / "cache", threads=asked.threads
        )
        prepared = np.stack([encoder.prepare_image(upright_rgb(open_image(data))) for data in inputs.images])
        repeats = [_measure(inputs, encoder, prepared, Path(folder)) for _ in range(asked.repeats)]
    print(f"\nmachine: {describe_machine()}, {asked.threads} threads, encoder {asked.encoder}")
    print(f"corpus: {asked.corpus.name}, {inputs.n_images} images, {inputs.n_captions} captions\n")
    _print(repeats)


def _measure(inputs: Inputs, encoder: Encoder, prepared: ByteArray, folder: Path) -> Rates:
    bare_images = _rate(len(prepared), lambda: encoder.encode_prepared(prepared))
    bare_captions = _rate(len(inputs.captions), lambda: encoder.encode_captions(inputs.captions))
    spec_path = folder / "spec.json"
    spec_path.write_text(json.dumps(inputs.spec), encoding="utf-8")
    command = [sys.executable, "-m", "worker.trainer", "features", str(spec_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process, PeakMemory(process.pid) as memory:
        assert process.stdout is not None
        messages = [json.loads(line) for line in process.stdout]
    if process.returncode or messages[-1]["kind"] != "result":
        raise RuntimeError(f"the stage ended with {process.returncode} and said {messages[-1:]}")
    seconds = messages[-1]["seconds"]
    return Rates(
        images=inputs.n_images / seconds["images"],
        bare_images=bare_images,
        captions=inputs.n_captions / seconds["captions"],
        bare_captions=bare_captions,
        peak_rss_mib=memory.by_process()[0][1],
    )


def _rate(n_items: int, encode: Callable[[], object]) -> float:
    started_at = time.perf_counter()
    encode()
    return n_items / (time.perf_counter() - started_at)


def _print(repeats: list[Rates]) -> None:
    images = statistics.median(rates.images for rates in repeats)
    captions = statistics.median(rates.captions for rates in repeats)
    image_ratio = statistics.median(rates.images / rates.bare_images for rates in repeats)
    caption_ratio = statistics.median(rates.captions / rates.bare_captions for rates in repeats)
    peak_rss_mib = round(max(rates.peak_rss_mib for rates in repeats))
    rows = [
        (number, *_whole(rates.images, rates.bare_images, rates.captions, rates.bare_captions, rates.peak_rss_mib))
        for number, rates in enumerate(repeats, start=1)
    ]
    print_table(
        ("repeat", "images/s", "bare model images/s", "captions/s", "bare model captions/s", "peak MiB"),
        [*rows, ("median", *_whole(images), "", *_whole(captions), "", "")],
    )
    print()
    print_table(("", "stage to bare model"), [("images", image_ratio), ("captions", caption_ratio)])
    print()
    print_result({"images_per_s": round(images, 1), "captions_per_s": round(captions, 1), "peak_rss_mib": peak_rss_mib})


def _whole(*values: float) -> list[int]:
    return [round(value) for value in values]


def _unpack(asked: argparse.Namespace, folder: Path) -> Inputs:
    """Write what the import would have left: the distinct images in a shard, and the distinct captions."""
    images: dict[bytes, None] = {}
    captions: dict[str, str] = {}
    storage_url = (folder / "storage").as_uri()
    with zipfile.ZipFile(asked.corpus) as members:
        text = members.read("captions.csv").decode("utf-8-sig")
        rows = list(csv.DictReader(io.StringIO(text, newline="")))
        for path in dict.fromkeys(row["image"] for row in rows):
            images.setdefault(members.read(path))
        for row in rows:
            captions.setdefault(normalise_caption(row["caption"]), row["caption"])
    with open_storage(storage_url, folder / "objects").writer(_SHARD) as shard:
        shard.writelines(images)
    sizes = np.array([len(data) for data in images], dtype=np.int64)
    np.savez(
        folder / "images.npz",
        shard_keys=np.array([_SHARD]),
        shard=np.zeros(len(sizes), dtype=np.int64),
        offset=np.cumsum(sizes) - sizes,
        n_bytes=sizes,
    )
    lines = "".join(json.dumps(caption) + "\n" for caption in captions.values())
    (folder / "captions.jsonl").write_text(lines, encoding="utf-8")
    (folder / "out").mkdir()
    spec = {
        "encoder": asked.encoder,
        "encoders": _specs(asked),
        "cache": str(asked.cache or folder / "cache"),
        "device": "cpu",
        "n_threads": asked.threads,
        "storage_url": storage_url,
        "objects": str(folder / "objects"),
        "images": str(folder / "images.npz"),
        "captions": str(folder / "captions.jsonl"),
        "known": [],
        "out": str(folder / "out"),
    }
    kept = list(captions.values())[:_BARE_CAPTIONS]
    return Inputs(spec, list(images)[:_BARE_IMAGES], kept, len(images), len(captions))


def _specs(asked: argparse.Namespace) -> dict[str, str]:
    return {name: name for name in ("offline", "toy")} | {asked.encoder: asked.encoder}


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path, help="an archive")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads")
    parser.add_argument("--repeats", type=int, default=3, help="how often to measure")
    parser.add_argument("--encoder", default="offline", help="offline, toy or open_clip:MODEL@TAG_OR_FILE")
    parser.add_argument("--cache", type=Path, help="folder for the encoder's files; default: a temporary one")
    return parser.parse_args()


if __name__ == "__main__":
    main()
