"""The features of a corpus archive, without the service: encoded as the worker does it, and kept on disk."""

import csv
import dataclasses
import hashlib
import io
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from crcl_core.data import PairFeatures, Vocabulary, normalise_caption
from crcl_core.encoders import ByteArray, Encoder
from crcl_core.types import FloatArray, IntArray
from worker.pipeline.image_decoding import open_image, upright_rgb

_IMAGES_A_BATCH = 64
_CAPTIONS_A_BATCH = 1024


@dataclass(frozen=True, eq=False)
class ArchiveRegions:
    """The regions of an archive's images, and its captions as text: what models of regions and words read.

    Attributes:
        regions: (I, R, D) float32.
        captions: one text a distinct caption.
        image_index: (N,) int64.
        caption_index: (N,) int64.
    """

    regions: FloatArray
    captions: tuple[str, ...]
    image_index: IntArray
    caption_index: IntArray

    def pair_features(self, vocabulary: Vocabulary) -> PairFeatures:
        """The same with captions as the ids of a vocabulary."""
        return PairFeatures(
            image_features=self.regions,
            caption_features=vocabulary.encode(self.captions),
            image_index=self.image_index,
            caption_index=self.caption_index,
            vocabulary_size=len(vocabulary),
        )


def encode_archive(archive: Path, encoder: Encoder, cache: Path) -> PairFeatures:
    """Vectors and pairs of an archive, from the cache where they were made before.

    As the import does, images with equal bytes are one image and captions equal after normalisation one caption.
    """
    stored = cache / f"{_archive_name(archive)}-{encoder.fingerprint[:16]}.npz"
    if not stored.exists():
        print(f"encoding {archive.name} with {encoder.name}", flush=True)
        rows = _read(archive, encoder, encoder.encode_prepared)
        blocks = [
            encoder.encode_captions(rows.captions[start : start + _CAPTIONS_A_BATCH])
            for start in range(0, len(rows.captions), _CAPTIONS_A_BATCH)
        ]
        features = PairFeatures(rows.regions, np.concatenate(blocks), rows.image_index, rows.caption_index)
        _save(stored, {name: getattr(features, name) for name in _ARRAYS})
    arrays = np.load(stored, allow_pickle=False)
    return PairFeatures(**{name: arrays[name] for name in _ARRAYS})


def encode_archive_regions(archive: Path, encoder: Encoder, cache: Path, *, n_grid_regions: int) -> ArchiveRegions:
    """Regions, captions and pairs of an archive, from the cache where they were made before."""
    stored = cache / f"{_archive_name(archive)}-{encoder.region_fingerprint(n_grid_regions)[:16]}.npz"
    if not stored.exists():
        print(f"encoding {archive.name} with {encoder.name}, {n_grid_regions} + 1 regions", flush=True)
        rows = _read(archive, encoder, lambda batch: encoder.encode_prepared_regions(batch, n_grid_regions))
        _save(stored, {**dataclasses.asdict(rows), "captions": np.array(rows.captions, dtype=np.str_)})
    arrays = np.load(stored, allow_pickle=False)
    return ArchiveRegions(
        arrays["regions"], tuple(arrays["captions"].tolist()), arrays["image_index"], arrays["caption_index"]
    )


def archive_captions(archive: Path) -> tuple[str, ...]:
    """The distinct captions of an archive, as texts, in the order of their features."""
    captions: dict[str, str] = {}
    with zipfile.ZipFile(archive) as members:
        text = members.read("captions.csv").decode("utf-8-sig")
        for row in csv.DictReader(io.StringIO(text, newline="")):
            captions.setdefault(normalise_caption(row["caption"]), row["caption"])
    return tuple(captions.values())


_ARRAYS = ("image_features", "caption_features", "image_index", "caption_index")


def _archive_name(archive: Path) -> str:
    with archive.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def _save(path: Path, arrays: dict[str, Any]) -> None:  # Any: arrays of several types
    aside = path.with_suffix(".part.npz")
    np.savez(aside, **arrays)
    aside.replace(path)


def _read(archive: Path, encoder: Encoder, encode: Callable[[ByteArray], FloatArray]) -> ArchiveRegions:
    images: dict[str, int] = {}  # SHA-256 of the bytes: row
    captions: dict[str, tuple[int, str]] = {}  # normalised: (row, text of its first occurrence)
    row_of_path: dict[str, int] = {}
    vectors, waiting = [], []
    image_index, caption_index = [], []
    with zipfile.ZipFile(archive) as members:
        text = members.read("captions.csv").decode("utf-8-sig")
        for row in csv.DictReader(io.StringIO(text, newline="")):
            path = row["image"]
            if path not in row_of_path:
                data = members.read(path)
                digest = hashlib.sha256(data).hexdigest()
                if digest not in images:
                    images[digest] = len(images)
                    waiting.append(encoder.prepare_image(upright_rgb(open_image(data))))
                row_of_path[path] = images[digest]
            if len(waiting) == _IMAGES_A_BATCH:
                vectors.append(encode(np.stack(waiting)))
                waiting.clear()
            image_index.append(row_of_path[path])
            caption = normalise_caption(row["caption"])
            caption_index.append(captions.setdefault(caption, (len(captions), row["caption"]))[0])
    if waiting:
        vectors.append(encode(np.stack(waiting)))
    return ArchiveRegions(
        regions=np.concatenate(vectors),
        captions=tuple(text for _, text in captions.values()),
        image_index=np.array(image_index, dtype=np.int64),
        caption_index=np.array(caption_index, dtype=np.int64),
    )
