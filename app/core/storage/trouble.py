"""A store that refuses, as something that its user can wait for."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from app.core.errors import UnavailableError
from app.core.storage.base import StorageError


@contextmanager
def told_as_unavailable() -> Iterator[None]:
    """Turn errors of a storage, or of a file in it, into an `UnavailableError`."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise UnavailableError("the storage is full", code="storage_full", retry_after_s=60) from error
        raise UnavailableError(f"the storage refused: {error.strerror}", code="storage_unavailable") from error
    except StorageError as error:
        raise UnavailableError("the storage does not answer", code="storage_unavailable") from error
