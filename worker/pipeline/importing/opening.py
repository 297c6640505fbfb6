"""From an uploaded file to an archive, by its first bytes and never by its name."""

from collections.abc import Callable
from pathlib import Path

from worker.pipeline.importing.folder_archive import FolderArchive
from worker.pipeline.importing.limits import ImportLimits
from worker.pipeline.importing.refusal import ArchiveRefusedError, RefusalCode
from worker.pipeline.importing.tar_archive import TarArchive
from worker.pipeline.importing.unpacking import is_compressed
from worker.pipeline.importing.zip_archive import ZipArchive

OpenArchive = ZipArchive | TarArchive | FolderArchive

_ZIP_STARTS = (b"PK\x03\x04", b"PK\x05\x06")
_PARQUET_START = b"PAR1"
_PARQUET_NAME = "corpus.parquet"
_TAR_MAGIC = slice(257, 262)


def open_archive(
    path: Path, limits: ImportLimits, scratch: Path, check: Callable[[], None] = lambda: None
) -> OpenArchive:
    """Open an archive and check its member list. Use the result as a context manager.

    Args:
        path: the uploaded file, or a folder.
        limits: of the import.
        scratch: folder for temporary files.
        check: called now and then while a large archive is unpacked or walked; it may raise to stop the import.

    Raises:
        ArchiveRefusedError: the archive as a whole cannot be used.
    """
    if path.is_dir():
        return FolderArchive(path, limits, check=check)
    with path.open("rb") as file:
        start = file.read(_TAR_MAGIC.stop)
    if start.startswith(_ZIP_STARTS):
        return ZipArchive(path, limits, check)
    if start.startswith(_PARQUET_START):
        return FolderArchive(path, limits, kind="parquet", name=_PARQUET_NAME)
    if is_compressed(start):
        return TarArchive(path, limits, is_compressed=True, scratch=scratch, check=check)
    # Archives from before POSIX have no magic; their header's checksum decides.
    if start[_TAR_MAGIC] == b"ustar" or len(start) == _TAR_MAGIC.stop:
        return TarArchive(path, limits, is_compressed=False, scratch=scratch, check=check)
    raise ArchiveRefusedError(
        RefusalCode.UNREADABLE_ARCHIVE,
        f"the archive starts with {start[:4].hex(' ') or 'nothing'}, expected a zip, tar, tar.gz, tar.zst or parquet "
        "file",
    )
