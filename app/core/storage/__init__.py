from app.core.storage.base import Incoming, Storage, StorageError
from app.core.storage.local import LocalStorage
from app.core.storage.object_store import ObjectStorage
from app.core.storage.opening import open_storage
from app.core.storage.trouble import told_as_unavailable

__all__ = [
    "Incoming",
    "LocalStorage",
    "ObjectStorage",
    "Storage",
    "StorageError",
    "open_storage",
    "told_as_unavailable",
]
