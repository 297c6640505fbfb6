"""The one-machine stack: PostgreSQL, Redis, workers and the API as children of one process."""

from app.core.embedded.errors import (
    AlreadyRunningError,
    BinaryMissingError,
    ChildFailedError,
    DataFolderError,
    EmbeddedError,
    PortTakenError,
    StoppedEarlyError,
)
from app.core.embedded.process import guarded_command
from app.core.embedded.servers import EmbeddedServers, ServerUrls

__all__ = [
    "AlreadyRunningError",
    "BinaryMissingError",
    "ChildFailedError",
    "DataFolderError",
    "EmbeddedError",
    "EmbeddedServers",
    "PortTakenError",
    "ServerUrls",
    "StoppedEarlyError",
    "guarded_command",
]
