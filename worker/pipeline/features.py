"""Phase `features`: vectors or regions of the corpus version, made once for each encoder and kept."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from app.core.models import RunPhase
from app.core.repositories.checks import has_checks
from app.core.repositories.features import (
    StoredFeatures,
    add_features,
    carried_captions,
    carried_images,
    distinct_captions,
    image_places,
    nearest_with_features,
    stored_features,
)
from app.core.repositories.jobs import append_event
from worker.pipeline.workspace import RunWork
from worker.supervisor import Message

_IMAGES, _CAPTIONS = "images.npy", "captions.npy"


def ensure_features(work: RunWork) -> StoredFeatures:
    """The features that the run's model reads, of its corpus version under its encoder; encodes what is not stored yet.

    Raises:
        JobFailedError: the encoder cannot be used, or gives no such regions.
        StageInterruptedError: its process died.
    """
    work.begin(RunPhase.FEATURES)
    settings = work.handle.context.settings
    known = work.handle.transaction(lambda session: stored_features(session, work.version.id))
    work.handle.transaction(lambda session: _write_inputs(work, session))
    is_checked = work.handle.transaction(lambda session: has_checks(session, work.version.id))

    def on_message(message: Message) -> None:
        counts = {"done": message["done"], "total": message["total"]}
        work.tell(RunPhase.FEATURES, message["done"] / max(1, message["total"]), events={"features": counts})

    result = work.run(
        "features",
        {
            "encoder": work.config.encoder or settings.default_encoder,
            "encoders": settings.encoders,
            "n_grid_regions": work.config.n_grid_regions if work.config.reads_regions else None,
            "cache": str(settings.data.resolve() / "cache"),
            "storage_url": settings.storage_url,
            "objects": str(settings.data.resolve() / "objects"),
            "images": str(work.folder / "image_places.npz"),
            "captions": str(caption_texts(work)),
            "known": sorted(known),
            **_reusable(work),
            "image_measures": None if is_checked else str(image_measures(work)),
            "out": str(work.folder),
        },
        on_message,
    )
    if result["is_known"]:
        work.handle.event("features", {"is_reused": True, "fingerprint": result["fingerprint"]})
        return known[result["fingerprint"]]
    return _store(work, result)


def fetch_features(work: RunWork, features: StoredFeatures) -> tuple[Path, Path | None]:
    """Local files with the image vectors or regions, and with the caption vectors where there are some."""
    storage = work.handle.context.storage
    images = storage.local_path(f"{features.storage_prefix}/{_IMAGES}")
    if features.caption_dim is None:
        return images, None
    return images, storage.local_path(f"{features.storage_prefix}/{_CAPTIONS}")


def caption_texts(work: RunWork) -> Path:
    """Where `ensure_features` leaves the distinct captions, a JSON string a line, by caption ordinal."""
    return work.folder / "captions.jsonl"


def image_measures(work: RunWork) -> Path:
    """Where `ensure_features` leaves what the checks measured on the images that it decoded, if they need it."""
    return work.folder / "image_measures.npz"


def _write_inputs(work: RunWork, session: Session) -> None:
    places = list(image_places(session, work.version.id))
    shard_keys = sorted({key for key, _, _ in places})
    number = {key: index for index, key in enumerate(shard_keys)}
    np.savez(
        work.folder / "image_places.npz",
        shard_keys=np.array(shard_keys, dtype=np.str_),
        shard=np.array([number[key] for key, _, _ in places], dtype=np.int64),
        offset=np.array([offset for _, offset, _ in places], dtype=np.int64),
        n_bytes=np.array([n_bytes for _, _, n_bytes in places], dtype=np.int64),
    )
    with caption_texts(work).open("w", encoding="utf-8") as file:
        for caption in distinct_captions(session, work.version.id):
            file.write(json.dumps(caption) + "\n")


def _reusable(work: RunWork) -> dict[str, Any]:  # Any: JSON
    """What the stage may take over from the nearest version before that has features; one in between may have none."""
    parent_id = work.handle.transaction(lambda session: nearest_with_features(session, work.version.parent_id))
    if parent_id is None:
        return {}
    known = work.handle.transaction(lambda session: stored_features(session, parent_id))
    images, captions = (np.full(n, -1, dtype=np.int64) for n in (work.version.n_images, work.version.n_captions))

    def read(session: Session) -> None:
        for row, old in carried_images(session, work.version.id, parent_id):
            images[row] = old
        for row, old in carried_captions(session, work.version.id, parent_id):
            captions[row] = old

    work.handle.transaction(read)
    np.savez(work.folder / "carried.npz", image_rows=images, caption_rows=captions)
    files = {fingerprint: fetch_features(work, features) for fingerprint, features in known.items()}
    return {
        "carried": str(work.folder / "carried.npz"),
        "reusable": {
            fingerprint: {"images": str(image_file), "captions": None if caption_file is None else str(caption_file)}
            for fingerprint, (image_file, caption_file) in files.items()
        },
    }


def _store(work: RunWork, result: Message) -> StoredFeatures:
    claim, context = work.handle.claim, work.handle.context
    features = StoredFeatures(
        fingerprint=result["fingerprint"],
        storage_prefix=f"features/{work.version.id}/{result['fingerprint']}/{claim.fence}",
        image_dim=result["image_dim"],
        n_regions=result["n_regions"],
        caption_dim=result["caption_dim"],
        joint_dim=result["joint_dim"],
    )
    for name in (_IMAGES,) if features.caption_dim is None else (_IMAGES, _CAPTIONS):
        context.storage.put_file(f"{features.storage_prefix}/{name}", work.folder / name)

    def write(session: Session) -> None:
        # The event checks the fence in the same transaction.
        told = {"is_reused": False, "fingerprint": features.fingerprint, "n_images_carried": result["n_images_carried"]}
        append_event(session, claim, "features", told)
        add_features(session, claim, work.version.id, features)

    work.handle.transaction(write)
    return features
