"""The vectors of a corpus archive, without the service: encoded as the worker does it, and kept on disk."""

import csv
import dataclasses
import hashlib
import io
import zipfile
from pathlib import Path

import numpy as np

from crcl_core.data import PairFeatures, normalise_caption
from crcl_core.encoders import Encoder
from worker.pipeline.image_decoding import open_image, upright_rgb

_IMAGES_A_BATCH = 64
_CAPTIONS_A_BATCH = 1024


def encode_archive(archive: Path, encoder: Encoder, cache: Path) -> PairFeatures:
    """Vectors and pairs of an archive, from the cache where they were made before.

    As the import does, images with equal bytes are one image and captions equal after normalisation one caption.
    """
    with archive.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    stored = cache / f"{digest[:16]}-{encoder.fingerprint[:16]}.npz"
    if not stored.exists():
        print(f"encoding {archive.name} with {encoder.name}", flush=True)
        aside = stored.with_suffix(".part.npz")
        np.savez(aside, **dataclasses.asdict(_encode(archive, encoder)))
        aside.replace(stored)
    arrays = np.load(stored, allow_pickle=False)
    return PairFeatures(**{field.name: arrays[field.name] for field in dataclasses.fields(PairFeatures)})


def _encode(archive: Path, encoder: Encoder) -> PairFeatures:
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
                vectors.append(encoder.encode_prepared(np.stack(waiting)))
                waiting.clear()
            image_index.append(row_of_path[path])
            caption = normalise_caption(row["caption"])
            caption_index.append(captions.setdefault(caption, (len(captions), row["caption"]))[0])
    if waiting:
        vectors.append(encoder.encode_prepared(np.stack(waiting)))
    texts = [text for _, text in captions.values()]
    blocks = [texts[start : start + _CAPTIONS_A_BATCH] for start in range(0, len(texts), _CAPTIONS_A_BATCH)]
    return PairFeatures(
        image_features=np.concatenate(vectors),
        caption_features=np.concatenate([encoder.encode_captions(block) for block in blocks]),
        image_index=np.array(image_index, dtype=np.int64),
        caption_index=np.array(caption_index, dtype=np.int64),
    )
