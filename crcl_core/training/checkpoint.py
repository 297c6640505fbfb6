"""Checkpoints of a training: one safetensors file each, with everything that is not an array in its metadata.

A checkpoint is written aside, fsynced and renamed, and its folder fsynced, so that a crash leaves the one before whole.
The newest two are kept. Each has its SHA-256 beside it; one whose bytes differ is passed over.
"""

import dataclasses
import hashlib
import json
import os
from pathlib import Path
from typing import Any, final

import structlog
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from crcl_core.data import PairFeatures
from crcl_core.training.config import CODE_VERSION, TrainingConfig
from crcl_core.training.state import Snapshot
from crcl_core.types import CheckpointError, DoubleArray

log = structlog.get_logger()

FORMAT_VERSION = "1"
_N_KEPT = 2


def training_identity(
    config: TrainingConfig,
    features: PairFeatures,
    *,
    has_joint_space: bool,
    initial_labels: DoubleArray | None = None,
) -> str:
    """SHA-256, as hex, of all that decides a training: its code, its settings, its features, the labels it begins with.

    Raises:
        ValueError: A vector is not finite.
    """
    parts = [CODE_VERSION, config.fingerprint(), str(has_joint_space), features.fingerprint()]
    if initial_labels is not None:
        parts.append(hashlib.sha256(initial_labels.tobytes()).hexdigest())
    return hashlib.sha256(" ".join(parts).encode()).hexdigest()


@final
class CheckpointStore:
    """The checkpoints of one training in one folder, named so that names sort by epoch.

    Args:
        folder: Made if absent.
        identity: What `training_identity` says of this training.
        config: Kept in each file for its reader; the identity decides.
    """

    def __init__(self, folder: Path, identity: str, config: TrainingConfig) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._identity = identity
        self._config = config

    def save(self, snapshot: Snapshot) -> Path:
        """Writes a checkpoint and deletes all but the newest two."""
        path = self._folder / f"epoch-{snapshot.n_done:06d}.safetensors"
        aside = path.with_suffix(".part")
        metadata = {
            "format_version": FORMAT_VERSION,
            "code_version": CODE_VERSION,
            "identity": self._identity,
            "seed": str(self._config.seed),
            "config": json.dumps(dataclasses.asdict(self._config)),
            "facts": json.dumps(snapshot.facts),
        }
        save_file(snapshot.tensors, aside, metadata=metadata)
        digest = _sha256(aside)
        _sync(aside)
        # The digest comes first: a checkpoint without one would be refused, a digest without one harms nobody.
        _digest_path(path).write_text(digest, encoding="ascii")
        _sync(_digest_path(path))
        aside.replace(path)
        _sync(self._folder)
        for old in self._paths()[:-_N_KEPT]:
            old.unlink()
            _digest_path(old).unlink(missing_ok=True)
        return path

    def load_newest(self) -> Snapshot | None:
        """Reads the newest checkpoint that is whole; None where there has never been one.

        Raises:
            CheckpointError: One belongs to another training, or none of several is whole.
        """
        paths = self._paths()
        for path in reversed(paths):
            if not _is_whole(path):
                log.warning("checkpoint.damaged", path=str(path))
                continue
            return self._load(path)
        if paths:
            raise CheckpointError(f"{self._folder}: none of {len(paths)} checkpoints is what was written")
        return None

    def _load(self, path: Path) -> Snapshot:
        try:
            with safe_open(path, framework="pt", device="cpu") as file:
                metadata: dict[str, Any] = file.metadata() or {}  # Any: safetensors types its metadata so.
                if metadata.get("format_version") != FORMAT_VERSION or metadata.get("identity") != self._identity:
                    raise CheckpointError(f"{path} belongs to another training: other settings, features or code")
                tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
        except SafetensorError as error:
            raise CheckpointError(f"{path} cannot be read: {error}") from error
        return Snapshot(tensors, json.loads(metadata["facts"]))

    def _paths(self) -> list[Path]:
        return sorted(self._folder.glob("epoch-*.safetensors"))


def _is_whole(path: Path) -> bool:
    digest = _digest_path(path)
    # Compared as bytes: a damaged digest need not be text.
    return digest.is_file() and digest.read_bytes() == _sha256(path).encode("ascii")


def _digest_path(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
