"""A run's checkpoints in storage. The job's row names the newest, so that a fenced-off training misleads nobody."""

import hashlib
import shutil
from pathlib import Path
from typing import Any

import structlog

from app.core.storage import Storage, StorageError
from worker.pipeline.workspace import RunWork

log = structlog.get_logger()

Checkpoint = dict[str, Any]  # Any: JSON, as the job's row keeps it

_N_KEPT = 2


class CheckpointKeeper:
    """Stores each checkpoint of a training, and brings the newest one back.

    What the job's row says of a checkpoint: `prefix` in storage, `step`, `files` (name = SHA-256), `n_threads`, and
    `previous`, the same of the one before it.

    Attributes:
        folder: the training's checkpoint folder.
        n_threads: with how many the training computes. A training that goes on keeps the number that it began with,
            because sums depend on the order of their parts.
    """

    def __init__(self, work: RunWork) -> None:
        self._work = work
        self._storage = work.handle.context.storage
        self._newest: Checkpoint | None = work.handle.claim.checkpoint
        self._stored: list[Checkpoint] = []
        self.folder = work.folder / "checkpoints"
        self.n_threads = work.handle.context.n_threads
        if self._newest is not None:
            self.n_threads = int(self._newest["n_threads"])

    def restore(self) -> None:
        """Bring the checkpoint that the job's row names into the folder, or the one before it, or none.

        A damaged or missing one is told as an event.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        candidate = self._newest
        while candidate is not None:
            try:
                self._fetch(candidate)
            except StorageError as error:
                for path in self.folder.iterdir():
                    path.unlink()
                detail = {"step": candidate["step"], "detail": error.detail}
                self._work.handle.event("checkpoint_refused", detail)
                candidate = candidate.get("previous")
            else:
                self._work.handle.event("resumed", {"step": candidate["step"]})
                break
        self._newest = candidate

    def store(self, name: str) -> Checkpoint | None:
        """Put a checkpoint and what belongs to it into storage; returns what the job's row is to say of it.

        Args:
            name: the checkpoint's file name; files that add an ending to it belong to it.

        Returns:
            None when the training has deleted it already, which it does when newer ones exist.
        """
        step = Path(name).stem
        prefix = f"{checkpoint_prefix(self._work)}/{self._work.handle.claim.fence}/{step}"
        files = {}
        try:
            for path in sorted(self.folder.glob(f"{name}*")):
                files[path.name] = _sha256(path)
                self._storage.put_file(f"{prefix}/{path.name}", path)
        except FileNotFoundError:
            files = {}
        if name not in files:
            log.info("checkpoint.gone", step=step)
            self._storage.delete_prefix(prefix)
            return None
        previous = None if self._newest is None else {**self._newest, "previous": None}
        checkpoint = {
            "prefix": prefix,
            "step": step,
            "files": files,
            "n_threads": self.n_threads,
            "previous": previous,
        }
        self._newest = checkpoint
        self._stored.append(checkpoint)
        return checkpoint

    def forget_old(self) -> None:
        """Delete all but the newest two that this claim stored, once the job's row names the newest."""
        while len(self._stored) > _N_KEPT:
            self._storage.delete_prefix(self._stored.pop(0)["prefix"])

    def _fetch(self, checkpoint: Checkpoint) -> None:
        for name, sha256 in checkpoint["files"].items():
            _fetch(self._storage, f"{checkpoint['prefix']}/{name}", sha256, self.folder / name)


def checkpoint_prefix(work: RunWork) -> str:
    """Where the checkpoints of all claims of a run lie."""
    return f"runs/{work.handle.claim.subject_id}/checkpoints"


def _fetch(storage: Storage, key: str, sha256: str, target: Path) -> None:
    source = storage.local_path(key)
    if _sha256(source) != sha256:
        raise StorageError(f"checkpoint {key} is not what was written")
    # Copied, not linked: the training deletes and replaces what is in its folder.
    shutil.copyfile(source, target)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
