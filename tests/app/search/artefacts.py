"""The artefacts that a worker publishes for search, made with the toy encoder and models that were never trained."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from app.core.models import Run
from app.core.storage import Storage
from app.images.decoding import decode_image
from crcl_core.data import Vocabulary
from crcl_core.encoders import Encoder, load_encoder
from crcl_core.models import EmbeddingModel, ModelKind, ModelSpec, build_model
from crcl_core.retrieval import build_index
from crcl_core.training import embed_captions, embed_images, save_model
from tests.app.runs.rows import StoredCorpus

SPECS = {"toy": "toy"}


def toy_fingerprint(cache_dir: Path, n_grid_regions: int | None = None) -> str:
    """What a run by the toy encoder records, of heads or of a model of regions."""
    encoder = load_encoder("toy", SPECS, cache_dir=cache_dir)
    return encoder.fingerprint if n_grid_regions is None else encoder.region_fingerprint(n_grid_regions)


def store_artefacts(
    storage: Storage,
    run: Run,
    stored: StoredCorpus,
    correspondence: Sequence[float],
    folder: Path,
    *,
    n_grid_regions: int | None = None,
) -> None:
    """Store a model, indexes and the pair table of a run under its prefix.

    Args:
        storage: where they go.
        run: published, by the toy encoder.
        stored: its corpus.
        correspondence: by pair.
        folder: a working folder to make.
        n_grid_regions: of VSE-infinity; None for heads.
    """
    folder.mkdir()
    encoder = load_encoder("toy", SPECS, cache_dir=folder)
    pictures = [
        decode_image(storage.read_range(image.shard_key, image.shard_offset, image.n_bytes), max_pixels=10**6)
        for image in stored.images
    ]
    captions: dict[int, str] = {}
    for pair in stored.pairs:
        captions.setdefault(pair.caption_ordinal, pair.caption)
    texts = [captions[ordinal] for ordinal in sorted(captions)]
    images, vectors, vocabulary = encoder.encode_images(pictures), encoder.encode_captions(texts), None
    if n_grid_regions is not None:
        prepared = np.stack([encoder.prepare_image(picture) for picture in pictures])
        images, vocabulary = (
            encoder.encode_prepared_regions(prepared, n_grid_regions),
            Vocabulary.from_captions(texts, min_count=1),
        )
    spec = _spec(encoder, vocabulary)
    model = build_model(spec)
    assert isinstance(model, EmbeddingModel)
    save_model(folder / "model.safetensors", model, spec, vocabulary=vocabulary)
    words = vectors if vocabulary is None else vocabulary.encode(texts)
    build_index(embed_images(model, images), folder / "index" / "images")
    build_index(embed_captions(model, words), folder / "index" / "captions")
    np.savez(
        folder / "pairs.npz",
        image_index=stored.image_index,
        caption_index=stored.caption_index,
        correspondence=np.array(correspondence, np.float32),
    )
    for path in folder.rglob("*"):
        if path.is_file():
            storage.put_file(f"{run.artefact_prefix}/{path.relative_to(folder).as_posix()}", path)


def _spec(encoder: Encoder, vocabulary: Vocabulary | None) -> ModelSpec:
    if vocabulary is None:
        return ModelSpec(
            kind=ModelKind.HEADS, image_dim=encoder.image_dim, caption_dim=encoder.caption_dim, joint_dim=16
        )
    assert encoder.region_dim is not None
    return ModelSpec(
        kind=ModelKind.VSE_INFTY,
        image_dim=encoder.region_dim,
        vocabulary_size=len(vocabulary),
        joint_dim=16,
        word_dim=8,
    )
