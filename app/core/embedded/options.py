"""What one calls the whole stack with, and what it tells back."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from app.core.embedded.commands import WorkerCommand, api_command


@dataclass(frozen=True, kw_only=True)
class StackOptions:
    """What `mispair up` runs.

    Attributes:
        data: the data folder; made when it does not exist.
        host: where the API listens.
        port: its port; 0 lets the system choose.
        n_worker_slots: jobs that run at once on the CPU.
        use_gpus: give every NVIDIA device its own worker.
        extra_env: environment of the children that overrules all the rest.
        migration: the command that migrates; None for Mispair's own.
        workers: the workers; None for Mispair's own, by the devices that are here.
        api: makes the API's command from host and port.
        ready_path: answers 200 once the service is ready.
        ready_timeout_s: how long the API may take for that.
        migration_timeout_s: how long the migration may take.
        grace_s: between asking the API or a worker to end and killing it.
    """

    data: Path
    host: str = "127.0.0.1"
    port: int = 8000
    n_worker_slots: int = 2
    use_gpus: bool = True
    extra_env: Mapping[str, str] = field(default_factory=dict)
    migration: Sequence[str] | None = None
    workers: Sequence[WorkerCommand] | None = None
    api: Callable[[str, int], Sequence[str]] = api_command
    ready_path: str = "/readyz"
    ready_timeout_s: float = 120.0
    migration_timeout_s: float = 600.0
    grace_s: float = 5.0


@dataclass(frozen=True)
class ReadyInfo:
    """The stack serves.

    Attributes:
        url: of the API, without a closing slash.
        data: the absolute data folder.
        database_url: of the embedded PostgreSQL.
        environment: what the children got; a command that needs the database or the storage can take it from here.
        pids: process id by name: redis, postgres, every worker, api. A restart changes one.
        seconds: from the start until now.
    """

    url: str
    data: Path
    database_url: str
    environment: Mapping[str, str]
    pids: Mapping[str, int]
    seconds: float


class StackEventKind(StrEnum):
    """What an event is about."""

    STARTING = "starting"
    CHILD = "child"
    STOPPING = "stopping"
    STOPPED = "stopped"


@dataclass(frozen=True)
class StackEvent:
    """Something a person at the terminal may want to know.

    Attributes:
        kind: what it is about.
        detail: one sentence.
    """

    kind: StackEventKind
    detail: str


def ignore_event(_event: StackEvent) -> None:
    """The listener of a caller that wants no events."""
