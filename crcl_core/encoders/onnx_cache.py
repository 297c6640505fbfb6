"""Keeps exported networks in a folder that several processes share."""

import fcntl
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from crcl_core.encoders.pinned_weights import file_sha256
from crcl_core.types import EncoderError

_DIGEST_CHARACTERS = 16


def cached_export(folder: Path, stem: str, export: Callable[[Path], None]) -> Path:
    """Find the exported file of this stem, or make it.

    A file's name ends in the beginning of its own SHA-256. So a damaged file is recognised and made anew, and two
    processes that export at the same time can at worst publish two good files.

    Args:
        folder: The cache; created when missing.
        stem: Names the network and the fingerprint of all that went into it.
        export: Writes the network to the path that it is given.

    Returns:
        The path of a file whose content is whole.

    Raises:
        EncoderError: The folder cannot be written, or `export` failed.
    """
    found = _find(folder, stem)
    if found is not None:
        return found
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _locked(folder / f"{stem}.lock"):
            # Another process may have finished the export while this one waited.
            return _find(folder, stem) or _make(folder, stem, export)
    except OSError as error:
        raise EncoderError(f"the encoder cache {folder} cannot be used: {error}") from error


def _find(folder: Path, stem: str) -> Path | None:
    for path in sorted(folder.glob(f"{stem}-*.onnx")):
        if path.name == _published_name(stem, path):
            return path
    return None


def _make(folder: Path, stem: str, export: Callable[[Path], None]) -> Path:
    with tempfile.TemporaryDirectory(prefix=f".{stem}-", dir=folder) as aside:
        written = Path(aside) / "network.onnx"
        export(written)
        with written.open("rb") as file:
            os.fsync(file.fileno())
        target = folder / _published_name(stem, written)
        written.replace(target)
    return target


def _published_name(stem: str, path: Path) -> str:
    return f"{stem}-{file_sha256(path)[:_DIGEST_CHARACTERS]}.onnx"


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Let one process at a time export: it is correct without, but two exports on two cores take twice as long."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        # Closing the file releases the lock, also when the process is killed.
        yield
