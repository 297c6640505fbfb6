"""What an object store says, as a `StorageError` that names the object."""

from collections.abc import Iterator
from contextlib import contextmanager

from obstore.exceptions import BaseError

from app.core.storage.base import StorageError


@contextmanager
def told_as_storage_errors(key: str) -> Iterator[None]:
    """Turn every failure of the store within the block into one that names `key`."""
    try:
        yield
    except FileNotFoundError as error:
        raise StorageError(f"object {key} is missing") from error
    except (BaseError, OSError) as error:
        raise StorageError(f"object {key}: {error}") from error
