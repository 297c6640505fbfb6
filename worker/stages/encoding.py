"""Stage `features`: every distinct image and caption of a corpus version as a vector, or the images as regions."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from app.core.storage import Storage, open_storage
from crcl_core.encoders import Encoder, load_encoder
from crcl_core.types import FloatArray
from worker.pipeline.image_decoding import open_image, upright_rgb
from worker.stages.carried_features import CarriedFeatures, open_features
from worker.stages.feature_kind import FeatureKind
from worker.stages.measuring import MeasuredImages
from worker.trainer import Spec, Tell

_IMAGES_A_BATCH = 64
_CAPTIONS_A_BATCH = 1024
# Decoding takes less than a tenth of what the model takes, but from a remote store each image is a request of its own:
# so many in flight keep 200 images/s even where a request takes 40 ms.
_MIN_READERS = 8
_TELL_S = 1.0


def encode_corpus(spec: Spec, tell: Tell) -> dict[str, Any]:  # Any: JSON
    """Encode images into `images.npy`, and captions into `captions.npy` unless they stay words.

    Args:
        spec: `encoder`, `encoders`, `cache`, `device`, `n_threads`; `storage_url`, `objects`; `images`, an npz with
            `shard` (I,), `offset` (I,), `n_bytes` (I,) and `shard_keys`; `captions`, a JSON string a line;
            `known`, fingerprints whose features are stored already; `reusable` and `carried`, see `CarriedFeatures.of`,
            which may be left out; `out`, the folder for the results; and to make
            regions of images instead of vectors of images and captions, `n_grid_regions`; and to measure images for
            the checks while they are decoded anyway, `image_measures`, the file to write.
        tell: gets progress.

    Returns:
        `fingerprint`, `image_dim`, `n_regions`, `caption_dim`, `joint_dim`; `is_known`, whether nothing had to be
        encoded; and if something had, `n_images_carried`, how many were encoded for the version before, and `seconds`,
        what `images` and `captions` took.
    """
    encoder = load_encoder(
        spec["encoder"],
        spec["encoders"],
        cache_dir=Path(spec["cache"]),
        device=spec["device"],
        threads=spec["n_threads"],
    )
    kind = FeatureKind.of(encoder, spec.get("n_grid_regions"))
    if kind.fingerprint in spec["known"]:
        return {**kind.facts(), "is_known": True}
    captions = [] if kind.caption_dim is None else _read_captions(Path(spec["captions"]))
    table = np.load(spec["images"], allow_pickle=False)
    carried = CarriedFeatures.of(spec, kind.fingerprint, n_images=len(table["offset"]), n_captions=len(captions))
    progress = _Progress(tell, n_images=len(carried.new_images), n_captions=len(carried.new_captions))
    out = Path(spec["out"])
    storage = open_storage(spec["storage_url"], Path(spec["objects"]))
    started_at = time.monotonic()
    is_measuring = spec.get("image_measures") and carried.images is None  # else not every image is decoded here
    measured = MeasuredImages(len(table["offset"])) if is_measuring else None
    _encode_images(kind, storage, table, carried, out / "images.npy", spec["n_threads"], progress, measured)
    if measured is not None:
        measured.save(Path(spec["image_measures"]))
    images_done_at = time.monotonic()
    if kind.caption_dim is not None:
        _encode_captions(encoder, captions, carried, out / "captions.npy", progress)
    seconds = {"images": images_done_at - started_at, "captions": time.monotonic() - images_done_at}
    n_carried = int((carried.image_rows >= 0).sum())
    return {**kind.facts(), "is_known": False, "n_images_carried": n_carried, "seconds": seconds}


def _read_captions(path: Path) -> list[str]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


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
    kind: FeatureKind,
    storage: Storage,
    table: Any,  # an open npz file
    carried: CarriedFeatures,
    path: Path,
    n_threads: int,
    progress: _Progress,
    measured: MeasuredImages | None,
) -> None:
    shard_keys, shards = table["shard_keys"], table["shard"]
    offsets, sizes = table["offset"], table["n_bytes"]

    wanted = carried.new_images

    def prepare(number: int) -> Any:  # Any: the encoder's prepared image
        row = int(wanted[number])
        data = storage.read_range(str(shard_keys[shards[row]]), int(offsets[row]), int(sizes[row]))
        image = upright_rgb(open_image(data))
        if measured is not None:
            measured.measure(row, image)
        return kind.encoder.prepare_image(image)

    features = open_features(path, (len(offsets), *kind.image_shape), carried.images, carried.image_rows)
    with ThreadPoolExecutor(max_workers=max(n_threads, _MIN_READERS)) as pool:
        for rows, prepared in _one_ahead(pool, prepare, len(wanted)):
            features[wanted[rows]] = kind.encode(np.stack(prepared))
            progress.images(len(rows))
    _flush(features)


def _one_ahead(pool: ThreadPoolExecutor, prepare: Any, n_rows: int) -> Iterator[tuple[range, list[Any]]]:
    # Any: see above. The next batch is decoded while the model works on this one.
    batches = [range(start, min(start + _IMAGES_A_BATCH, n_rows)) for start in range(0, n_rows, _IMAGES_A_BATCH)]
    pending = [pool.submit(prepare, row) for row in batches[0]] if batches else []
    for number, rows in enumerate(batches):
        following = batches[number + 1] if number + 1 < len(batches) else range(0)
        upcoming = [pool.submit(prepare, row) for row in following]
        yield rows, [future.result() for future in pending]
        pending = upcoming


def _encode_captions(
    encoder: Encoder, captions: list[str], carried: CarriedFeatures, path: Path, progress: _Progress
) -> None:
    features = open_features(path, (len(captions), encoder.caption_dim), carried.captions, carried.caption_rows)
    wanted = carried.new_captions
    for start in range(0, len(wanted), _CAPTIONS_A_BATCH):
        rows = wanted[start : start + _CAPTIONS_A_BATCH]
        features[rows] = encoder.encode_captions([captions[row] for row in rows])
        progress.captions(len(rows))
    _flush(features)


def _flush(features: FloatArray) -> None:
    assert isinstance(features, np.memmap)
    features.flush()
