"""The files of an index: a json header that names, measures and fingerprints the one file of vectors beside it."""

import hashlib
import json
import os
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path
from typing import Final, Self, final

from crcl_core.types import CrclError

HEADER_NAME: Final = "index.json"
FORMAT: Final = "mispair-vector-index"
FORMAT_VERSION: Final = 1


class IndexDamagedError(CrclError):
    """An index folder is incomplete, was altered, or was written by a format that this version does not know."""


class IndexKind(StrEnum):
    """How an index finds neighbours."""

    EXACT = "exact"
    HNSW = "hnsw"


@final
@dataclass(frozen=True, kw_only=True)
class IndexHeader:
    """What `index.json` says.

    Attributes:
        kind: Exact or HNSW.
        n: Number of vectors.
        dimension: Width of a vector.
        file: Name of the file of vectors in the same folder.
        n_bytes: Size of that file.
        sha256: Fingerprint of that file, in hex.
        format: Always "mispair-vector-index".
        format_version: Version of the layout of the folder.
        code_version: Version of the package that wrote it; for people, nothing depends on it.
    """

    kind: IndexKind
    n: int
    dimension: int
    file: str
    n_bytes: int
    sha256: str
    format: str = FORMAT
    format_version: int = FORMAT_VERSION
    code_version: str

    @classmethod
    def of_file(cls, path: Path, *, kind: IndexKind, n: int, dimension: int) -> Self:
        """Measures a finished file of vectors."""
        return cls(
            kind=kind,
            n=n,
            dimension=dimension,
            file=path.name,
            n_bytes=path.stat().st_size,
            sha256=file_sha256(path),
            code_version=version("mispair"),
        )


def file_sha256(path: Path) -> str:
    """Computes the SHA-256 of a file, in hex, without holding it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_header(folder: Path, header: IndexHeader) -> None:
    """Writes the header last and in one step: a folder with a header is a whole index."""
    aside = folder / f"{HEADER_NAME}.part"
    with aside.open("w", encoding="utf-8") as file:
        json.dump(asdict(header), file, indent=2)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    aside.replace(folder / HEADER_NAME)
    sync(folder)


def sync(path: Path) -> None:
    """Asks the system to put a file's bytes, or a folder's names, on the disk now."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read_header(folder: Path) -> IndexHeader:
    """Reads the header of an index and checks it against the size of the file that it describes.

    Raises:
        IndexDamagedError: The header is missing, not ours, of an unknown version, or does not fit the file.
    """
    path = folder / HEADER_NAME
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise IndexDamagedError(f"{path} is missing: the folder holds no finished index") from error
    except (OSError, ValueError) as error:
        raise IndexDamagedError(f"{path} cannot be read as json: {error}") from error
    header = _parse(path, values)
    vectors = folder / header.file
    n_bytes = vectors.stat().st_size if vectors.is_file() else None
    if n_bytes != header.n_bytes:
        found = "is missing" if n_bytes is None else f"has {n_bytes} bytes"
        raise IndexDamagedError(f"{vectors} {found}, expected {header.n_bytes} bytes")
    return header


def _parse(path: Path, values: object) -> IndexHeader:
    if not isinstance(values, dict) or values.get("format") != FORMAT:
        raise IndexDamagedError(f"{path} is not the header of a vector index: format is not {FORMAT!r}")
    if values.get("format_version") != FORMAT_VERSION:
        found = values.get("format_version")
        raise IndexDamagedError(f"{path} has format version {found!r}, this version reads {FORMAT_VERSION}")
    expected = {field.name: int if field.type is int else str for field in fields(IndexHeader)}
    wrong = sorted(name for name, kind in expected.items() if type(values.get(name)) is not kind)
    if wrong or values["kind"] not in list(IndexKind) or values["file"] != Path(values["file"]).name:
        raise IndexDamagedError(f"{path} has a wrong or missing field: {', '.join(wrong) or 'kind or file'}")
    if min(values["n"], values["dimension"], values["n_bytes"]) < 0:
        raise IndexDamagedError(f"{path} has a negative n, dimension or n_bytes")
    return IndexHeader(**{name: values[name] for name in expected if name != "kind"}, kind=IndexKind(values["kind"]))
