"""From a gzipped tar to a plain one."""

import gzip
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import IO

from worker.pipeline.importing.produced_bytes import ProducedBytes
from worker.pipeline.importing.refusal import ArchiveRefusedError, RefusalCode

_CHUNK = 1024 * 1024


def unpack_gzip(path: Path, produced: ProducedBytes, scratch: Path, check: Callable[[], None]) -> IO[bytes]:
    """Unpack into an unnamed file in `scratch`; the caller closes it, and then it is gone.

    Raises:
        ArchiveRefusedError: `truncated_archive`, `unreadable_archive` or `archive_bomb`.
    """
    scratch.mkdir(parents=True, exist_ok=True)
    unpacked: IO[bytes] = tempfile.TemporaryFile(dir=scratch)  # noqa: SIM115 - the caller closes it
    try:
        with gzip.open(path) as source:
            while chunk := source.read(_CHUNK):
                check()
                produced.add(len(chunk))
                unpacked.write(chunk)
        unpacked.flush()
    except EOFError as error:
        unpacked.close()
        raise ArchiveRefusedError(
            RefusalCode.TRUNCATED_ARCHIVE, "the gzip stream has no end; it was cut off, so send it again"
        ) from error
    except (gzip.BadGzipFile, zlib.error) as error:
        unpacked.close()
        raise ArchiveRefusedError(RefusalCode.UNREADABLE_ARCHIVE, f"the gzip stream cannot be read: {error}") from error
    except BaseException:
        unpacked.close()
        raise
    return unpacked
