"""A run's checkpoints in storage. The job's row names the newest, so that a fenced-off training misleads nobody."""

import hashlib
import shutil
from pathlib import Path
from typing import Any

from app.core.storage import Storage, StorageError
from worker.pipeline.workspace import RunWork


def store_checkpoint(work: RunWork, folder: Path, name: str) -> dict[str, Any]:  # Any: JSON
    """Put a checkpoint and what belongs to it into storage; returns what the job's row says of it.

    Args:
        folder: the training's checkpoint folder.
        name: the checkpoint's file name; files that add an ending to it belong to it.
    """
    prefix = f"runs/{work.handle.claim.subject_id}/checkpoints/{work.handle.claim.fence}"
    files = {}
    for path in sorted(folder.glob(f"{name}*")):
        work.handle.context.storage.put_file(f"{prefix}/{path.name}", path)
        files[path.name] = _sha256(path)
    return {"prefix": prefix, "step": name, "files": files}


def restore_checkpoint(work: RunWork, folder: Path) -> str | None:
    """Bring the checkpoint that the job's row names into `folder`; its name, or None when there is none to go on from.

    A damaged or missing one is told as an event, and the training starts over.
    """
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint = work.handle.claim.checkpoint
    if checkpoint is None:
        return None
    storage = work.handle.context.storage
    try:
        for name, sha256 in checkpoint["files"].items():
            _fetch(storage, f"{checkpoint['prefix']}/{name}", sha256, folder / name)
    except StorageError as error:
        for path in folder.iterdir():
            path.unlink()
        work.handle.event("checkpoint_refused", {"detail": error.detail})
        return None
    work.handle.event("resumed", {"step": checkpoint["step"]})
    return str(checkpoint["step"])


def delete_checkpoints(work: RunWork) -> None:
    """Once the report is published nobody needs them."""
    work.handle.context.storage.delete_prefix(f"runs/{work.handle.claim.subject_id}/checkpoints")


def _fetch(storage: Storage, key: str, sha256: str, target: Path) -> None:
    source = storage.local_path(key)
    if _sha256(source) != sha256:
        raise StorageError(f"checkpoint {key} is not what was written")
    # Copied, not linked: the training deletes and replaces what is in its folder.
    shutil.copyfile(source, target)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
