from app.core.storage.base import Storage, StorageError
from app.core.storage.local import LocalStorage
from app.core.storage.object_store import ObjectStorage
from app.core.storage.opening import open_storage

__all__ = ["LocalStorage", "ObjectStorage", "Storage", "StorageError", "open_storage"]
