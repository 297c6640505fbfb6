"""From a storage URL to a storage."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from app.core.storage.base import Storage
from app.core.storage.local import LocalStorage
from app.core.storage.object_store import ObjectStorage


def open_storage(url: str, cache: Path) -> Storage:
    """Open the storage that `url` names.

    Args:
        url: `file:///absolute/folder` or `s3://bucket/prefix`.
        cache: local folder for objects that a remote store must bring here.

    Raises:
        ValueError: another scheme, or a relative folder.
    """
    parts = urlsplit(url)
    if parts.scheme == "file" and parts.netloc in ("", "localhost") and parts.path.startswith("/"):
        return LocalStorage(Path(unquote(parts.path)))
    if parts.scheme == "s3" and parts.netloc:
        return ObjectStorage(url, cache)
    raise ValueError(f"storage URL {url!r}: expected file:///absolute/folder or s3://bucket/prefix")
