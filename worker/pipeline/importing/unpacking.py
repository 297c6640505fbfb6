"""From a compressed tar to a plain one."""

import gzip
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO, cast

from backports import zstd

from worker.pipeline.importing.produced_bytes import ProducedBytes
from worker.pipeline.importing.refusal import ArchiveRefusedError, RefusalCode

_CHUNK = 1024 * 1024
_GZIP_START = b"\x1f\x8b"
_ZSTD_START = b"\x28\xb5\x2f\xfd"
# What `zstd --long` writes at most without further words; a header may ask for gigabytes of window.
_ZSTD_WINDOW_LOG = 27
_FAULTS = (gzip.BadGzipFile, zlib.error, zstd.ZstdError)


def is_compressed(start: bytes) -> bool:
    """Whether a file that begins so is one that `unpack` takes."""
    return start.startswith((_GZIP_START, _ZSTD_START))


def unpack(path: Path, produced: ProducedBytes, scratch: Path, check: Callable[[], None]) -> IO[bytes]:
    """Unpack gzip or Zstandard into an unnamed file in `scratch`; the caller closes it, and then it is gone.

    Raises:
        ArchiveRefusedError: `truncated_archive`, `unreadable_archive` or `archive_bomb`.
    """
    scratch.mkdir(parents=True, exist_ok=True)
    unpacked: IO[bytes] = tempfile.TemporaryFile(dir=scratch)  # noqa: SIM115 - the caller closes it
    try:
        with _open(path) as source:
            while chunk := source.read(_CHUNK):
                check()
                produced.add(len(chunk))
                unpacked.write(chunk)
        unpacked.flush()
    except EOFError as error:
        unpacked.close()
        raise ArchiveRefusedError(
            RefusalCode.TRUNCATED_ARCHIVE, "the compressed stream has no end; it was cut off, so send it again"
        ) from error
    except _FAULTS as error:
        unpacked.close()
        raise ArchiveRefusedError(
            RefusalCode.UNREADABLE_ARCHIVE, f"the compressed stream cannot be read: {error}"
        ) from error
    except BaseException:
        unpacked.close()
        raise
    return unpacked


def _open(path: Path) -> IO[bytes]:
    with path.open("rb") as file:
        is_gzip = file.read(len(_GZIP_START)) == _GZIP_START
    if is_gzip:
        return cast("IO[bytes]", gzip.open(path))
    options: dict[int, int] = {zstd.DecompressionParameter.window_log_max: _ZSTD_WINDOW_LOG}
    return cast("IO[bytes]", zstd.ZstdFile(path, options=options))
