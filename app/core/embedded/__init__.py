"""The one-machine stack: PostgreSQL, Redis, workers and the API as children of one process."""

from app.core.embedded.commands import WorkerCommand, api_command, migration_command, worker_commands
from app.core.embedded.errors import (
    AlreadyRunningError,
    BinaryMissingError,
    ChildFailedError,
    DataFolderError,
    EmbeddedError,
    PortTakenError,
    StoppedEarlyError,
)
from app.core.embedded.options import ReadyInfo, StackEvent, StackEventKind, StackOptions
from app.core.embedded.process import guarded_command
from app.core.embedded.servers import EmbeddedServers, ServerUrls
from app.core.embedded.stack import run_stack
from app.core.embedded.supervisor import Supervisor

__all__ = [
    "AlreadyRunningError",
    "BinaryMissingError",
    "ChildFailedError",
    "DataFolderError",
    "EmbeddedError",
    "EmbeddedServers",
    "PortTakenError",
    "ReadyInfo",
    "ServerUrls",
    "StackEvent",
    "StackEventKind",
    "StackOptions",
    "StoppedEarlyError",
    "Supervisor",
    "WorkerCommand",
    "api_command",
    "guarded_command",
    "migration_command",
    "run_stack",
    "worker_commands",
]
