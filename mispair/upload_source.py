"""What can be uploaded: bytes whose number is known before the first is sent, and that can be read from anywhere."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from mispair.errors import SourceError
from mispair.folder_tar import FolderTar

_CHUNK_BYTES = 1024 * 1024
_SAMPLE_BYTES = 64 * 1024


class UploadSource(Protocol):
    """An archive, or a folder that becomes one."""

    @property
    def name(self) -> str:
        """The file name of the archive."""

    @property
    def n_bytes(self) -> int:
        """How long it is."""

    def fingerprint(self) -> str:
        """A word that is the same for the same content, so that an interrupted upload is found again."""

    def read(self, offset: int) -> Iterator[bytes]:
        """The bytes from `offset` to the end.

        Raises:
            SourceError: a file was changed since.
            OSError: a file cannot be read.
        """


class FileSource:
    """An archive on disk."""

    def __init__(self, path: Path) -> None:
        self._path = path
        found = path.stat()
        self.name = path.name
        self.n_bytes = found.st_size
        self._modified_ns = found.st_mtime_ns

    def fingerprint(self) -> str:
        """Size, time, first and last bytes: reading all of it would take as long as sending it on a fast network."""
        with self._path.open("rb") as file:
            samples = file.read(_SAMPLE_BYTES)
            file.seek(max(0, self.n_bytes - _SAMPLE_BYTES))
            samples += file.read(_SAMPLE_BYTES)
        told = json.dumps([self.name, self.n_bytes, self._modified_ns, hashlib.sha256(samples).hexdigest()])
        return hashlib.sha256(told.encode()).hexdigest()

    def read(self, offset: int) -> Iterator[bytes]:
        found = self._path.stat()
        if (found.st_size, found.st_mtime_ns) != (self.n_bytes, self._modified_ns):
            raise SourceError(f"{self._path} was changed while it was uploaded; start again")
        with self._path.open("rb") as file:
            file.seek(offset)
            while chunk := file.read(_CHUNK_BYTES):
                yield chunk


class FolderSource:
    """A folder, as the tar archive of its files. There is no such archive on disk."""

    def __init__(self, folder: Path) -> None:
        self._tar = FolderTar(folder)
        self.name = f"{folder.resolve().name}.tar"
        self.n_bytes = self._tar.n_bytes

    def fingerprint(self) -> str:
        return self._tar.fingerprint()

    def read(self, offset: int) -> Iterator[bytes]:
        return self._tar.read(offset)


def open_source(path: Path) -> UploadSource:
    """An archive, or a folder.

    Raises:
        OSError: it cannot be read.
        SourceError: the folder holds no file, or something that is none.
    """
    return FolderSource(path) if path.is_dir() else FileSource(path)


def source_sha256(source: UploadSource) -> str:
    """SHA-256 of all its bytes, in hex."""
    digest = hashlib.sha256()
    for chunk in source.read(0):
        digest.update(chunk)
    return digest.hexdigest()
