"""Stage `features`: every distinct image and caption of a corpus version as a vector."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from app.core.storage import Storage, open_storage
from crcl_core.encoders import Encoder, load_encoder
from worker.pipeline.image_decoding import open_image, upright_rgb
from worker.trainer import Spec, Tell

_IMAGES_A_BATCH = 64
_CAPTIONS_A_BATCH = 1024
_TELL_S = 1.0


def encode_corpus(spec: Spec, tell: Tell) -> dict[str, Any]:  # Any: JSON
    """Encode images and captions into `images.npy` and `captions.npy`.

    Args:
        spec: `encoder`, `encoders`, `cache`, `device`, `n_threads`; `storage_url`, `objects`; `images`, an npz with
            `shard` (I,), `offset` (I,), `n_bytes` (I,) and `shard_keys`; `captions`, a JSON string a line;
            `known`, fingerprints whose features are stored already; `out`, the folder for the results.
        tell: gets progress.

    Returns:
        `fingerprint`, `image_dim`, `caption_dim`, `joint_dim`, and `is_known` when nothing had to be encoded.
    """
    encoder = load_encoder(
        spec["encoder"],
        spec["encoders"],
        cache_dir=Path(spec["cache"]),
        device=spec["device"],
        threads=spec["n_threads"],
    )
    facts = {
        "fingerprint": encoder.fingerprint,
        "image_dim": encoder.image_dim,
        "caption_dim": encoder.caption_dim,
        "joint_dim": encoder.joint_dim,
    }
    if encoder.fingerprint in spec["known"]:
        return {**facts, "is_known": True}
    captions = [json.loads(line) for line in Path(spec["captions"]).read_text(encoding="utf-8").splitlines()]
    table = np.load(spec["images"], allow_pickle=False)
    progress = _Progress(tell, n_images=len(table["offset"]), n_captions=len(captions))
    out = Path(spec["out"])
    storage = open_storage(spec["storage_url"], Path(spec["objects"]))
    _encode_images(encoder, storage, table, out / "images.npy", spec["n_threads"], progress)
    _encode_captions(encoder, captions, out / "captions.npy", progress)
    return {**facts, "is_known": False}


class _Progress:
    """Counts an image as five captions, roughly what they cost, and speaks at most twice a second."""

    _IMAGE_COST = 5

    def __init__(self, tell: Tell, *, n_images: int, n_captions: int) -> None:
        self._tell = tell
        self._total = n_images * self._IMAGE_COST + n_captions
        self._done = 0
        self._told_at = 0.0

    def images(self, n: int) -> None:
        self._add(n * self._IMAGE_COST)

    def captions(self, n: int) -> None:
        self._add(n)

    def _add(self, cost: int) -> None:
        self._done += cost
        now = time.monotonic()
        if now - self._told_at > _TELL_S or self._done == self._total:
            self._told_at = now
            self._tell({"kind": "features", "done": self._done, "total": self._total})


def _encode_images(
    encoder: Encoder, storage: Storage, table: Any, path: Path, n_threads: int, progress: _Progress
) -> None:  # Any: an open npz file
    shard_keys, shards = table["shard_keys"], table["shard"]
    offsets, sizes = table["offset"], table["n_bytes"]

    def prepare(row: int) -> Any:  # Any: the encoder's prepared image
        data = storage.read_range(str(shard_keys[shards[row]]), int(offsets[row]), int(sizes[row]))
        return encoder.prepare_image(upright_rgb(open_image(data)))

    features = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(len(offsets), encoder.image_dim))
    with ThreadPoolExecutor(max_workers=max(n_threads, 1)) as pool:
        for rows, prepared in _one_ahead(pool, prepare, len(offsets)):
            features[rows] = encoder.encode_prepared(np.stack(prepared))
            progress.images(len(rows))
    features.flush()


def _one_ahead(pool: ThreadPoolExecutor, prepare: Any, n_rows: int) -> Iterator[tuple[range, list[Any]]]:
    # Any: see above. The next batch is decoded while the model works on this one.
    batches = [range(start, min(start + _IMAGES_A_BATCH, n_rows)) for start in range(0, n_rows, _IMAGES_A_BATCH)]
    pending = [pool.submit(prepare, row) for row in batches[0]] if batches else []
    for number, rows in enumerate(batches):
        following = batches[number + 1] if number + 1 < len(batches) else range(0)
        upcoming = [pool.submit(prepare, row) for row in following]
        yield rows, [future.result() for future in pending]
        pending = upcoming


def _encode_captions(encoder: Encoder, captions: list[str], path: Path, progress: _Progress) -> None:
    features = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(len(captions), encoder.caption_dim))
    for start in range(0, len(captions), _CAPTIONS_A_BATCH):
        batch = captions[start : start + _CAPTIONS_A_BATCH]
        features[start : start + len(batch)] = encoder.encode_captions(batch)
        progress.captions(len(batch))
    features.flush()
