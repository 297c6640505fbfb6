"""The artefacts that a worker publishes for search, made with the toy encoder and heads that were never trained."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from app.core.models import Run
from app.core.storage import Storage
from app.images.decoding import decode_image
from crcl_core.encoders import load_encoder
from crcl_core.models import ModelKind, ModelSpec, build_heads
from crcl_core.retrieval import build_index
from crcl_core.seeding import generator
from crcl_core.training import embed_captions, embed_images, save_model
from tests.app.runs.rows import StoredCorpus

SPECS = {"toy": "toy"}


def toy_fingerprint(cache_dir: Path) -> str:
    """What a run by the toy encoder records."""
    return load_encoder("toy", SPECS, cache_dir=cache_dir).fingerprint


def store_artefacts(
    storage: Storage, run: Run, stored: StoredCorpus, correspondence: Sequence[float], folder: Path
) -> None:
    """Store heads, indexes and the pair table of a run under its prefix.

    Args:
        storage: where they go.
        run: published, by the toy encoder.
        stored: its corpus.
        correspondence: by pair.
        folder: a working folder to make.
    """
    folder.mkdir()
    encoder = load_encoder("toy", SPECS, cache_dir=folder)
    spec = ModelSpec(kind=ModelKind.HEADS, image_dim=encoder.image_dim, caption_dim=encoder.caption_dim, joint_dim=16)
    heads = build_heads(
        encoder.image_dim, encoder.caption_dim, 16, dropout=0.0, has_joint_space=False, generator=generator(0, "heads")
    )
    pictures = [
        decode_image(storage.read_range(image.shard_key, image.shard_offset, image.n_bytes), max_pixels=10**6)
        for image in stored.images
    ]
    captions: dict[int, str] = {}
    for pair in stored.pairs:
        captions.setdefault(pair.caption_ordinal, pair.caption)
    texts = [captions[ordinal] for ordinal in sorted(captions)]
    save_model(folder / "model.safetensors", heads, spec)
    build_index(embed_images(heads, encoder.encode_images(pictures)), folder / "index" / "images")
    build_index(embed_captions(heads, encoder.encode_captions(texts)), folder / "index" / "captions")
    np.savez(
        folder / "pairs.npz",
        image_index=stored.image_index,
        caption_index=stored.caption_index,
        correspondence=np.array(correspondence, np.float32),
    )
    for path in folder.rglob("*"):
        if path.is_file():
            storage.put_file(f"{run.artefact_prefix}/{path.relative_to(folder).as_posix()}", path)
