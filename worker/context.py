"""What a worker process works with. Made once a process, after the fork: a connection must not be shared by two."""

import os
import socket
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker

from app.core.database import make_engine, make_session_factory
from app.core.queue import WakeUps
from app.core.settings import Settings
from app.core.storage import Storage, open_storage


@dataclass(frozen=True)
class WorkerContext:
    """Settings, and what is opened by them when it is first needed."""

    settings: Settings

    @cached_property
    def engine(self) -> Engine:
        # A worker that freezes within a transaction would keep its job's row locked: nobody could take the job over.
        return make_engine(
            self.settings.database_url,
            pool_size=4,
            application_name="mispair-worker",
            idle_in_transaction_s=self.settings.lease_s,
        )

    @cached_property
    def session_factory(self) -> sessionmaker[Session]:
        return make_session_factory(self.engine)

    @cached_property
    def storage(self) -> Storage:
        return open_storage(self.settings.storage_url, self.settings.data / "objects")

    @cached_property
    def wake_ups(self) -> WakeUps:
        return WakeUps(self.settings.broker_url)

    @property
    def work_root(self) -> Path:
        """Where claimed jobs have their local folders."""
        return self.settings.data.resolve() / "work"

    @property
    def n_threads(self) -> int:
        """Threads of an encoder or a training. Recorded with the run, because sums depend on their order."""
        return self.settings.threads or os.cpu_count() or 1


def worker_name() -> str:
    """host:pid of this process."""
    return f"{socket.gethostname()}:{os.getpid()}"
