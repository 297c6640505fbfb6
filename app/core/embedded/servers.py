"""PostgreSQL and Redis of one data folder, as children of this process."""

from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import quote

from app.core.embedded import databases
from app.core.embedded.account import postgres_account
from app.core.embedded.binaries import find_postgres, find_redis_server
from app.core.embedded.data_folder import DataFolder, prepare_data_folder
from app.core.embedded.errors import EmbeddedError
from app.core.embedded.locks import FolderLocks
from app.core.embedded.postgres import PostgresServer
from app.core.embedded.redis_server import RedisServer
from app.core.embedded.sockets import remove_short_folder, socket_folder
from app.core.embedded.waiting import Cancelled, never

DATABASE = "mispair"
_READY_TIMEOUT_S = 120.0  # redo of a large write-ahead log after a crash takes seconds to a minute
_POSTGRES_GRACE_S = 30.0
_REDIS_GRACE_S = 10.0


@dataclass(frozen=True)
class ServerUrls:
    """Where the servers are, as the settings want it."""

    database_url: str
    broker_url: str


class EmbeddedServers:
    """PostgreSQL and Redis on private sockets inside a data folder.

    `start` takes the locks of the folder, so two processes can never run the same one; `stop` leaves no process and
    no socket. Use from the main thread: the servers die with the thread that started them. As a context manager it
    stops on the way out.

    Args:
        data: the data folder; made when it does not exist.
    """

    def __init__(self, data: Path) -> None:
        self._data = data
        self._folder: DataFolder | None = None
        self._locks: FolderLocks | None = None
        self._sockets: Path | None = None
        self.postgres: PostgresServer | None = None
        self.redis: RedisServer | None = None

    def lock(self, *, cancelled: Cancelled = never) -> DataFolder:
        """Make the data folder and take its locks; `start` does it where the caller has not.

        Raises:
            AlreadyRunningError: another process runs this folder.
            DataFolderError: the folder cannot be used.
        """
        if self._folder is None:
            folder = prepare_data_folder(self._data)
            locks = FolderLocks(folder)
            locks.acquire(cancelled=cancelled)
            self._folder, self._locks = folder, locks
        return self._folder

    def start(
        self, pass_fds: tuple[int, ...] = (), durable: bool = True, *, cancelled: Cancelled = never
    ) -> ServerUrls:
        """Start both servers, wait until they answer, and make sure that the database exists.

        Args:
            pass_fds: descriptors that both inherit beside the children lock.
            durable: False gives up crash safety for speed; for tests.
            cancelled: asked while waiting.

        Raises:
            EmbeddedError: with what is missing or failed; whatever had started is stopped again.
        """
        try:
            folder = self.lock(cancelled=cancelled)
            sockets = self._sockets = socket_folder(folder.root)
            inherited = (self.lock_fd, *pass_fds)
            self.redis = RedisServer(
                folder, find_redis_server(), socket_path=sockets / "redis.sock", pass_fds=inherited
            )
            self.postgres = PostgresServer(
                folder, find_postgres(), postgres_account(), sockets=sockets, durable=durable, pass_fds=inherited
            )
            self.redis.launch()
            self.postgres.prepare(cancelled=cancelled)
            self.postgres.launch()
            self.redis.wait_ready(_READY_TIMEOUT_S, cancelled=cancelled)
            self.postgres.wait_ready(_READY_TIMEOUT_S, cancelled=cancelled)
            databases.ensure_database(sockets, DATABASE)
        except BaseException:
            self.stop()
            raise
        return self.urls

    def stop(self) -> list[int]:
        """Stop Redis, then PostgreSQL, end whatever else an inherited lock shows, and let go of the folder.

        Returns:
            Process ids of leftovers that had to be killed. Stopping twice is the same as once.
        """
        if self.redis is not None and self.redis.child is not None:
            self.redis.child.stop(_REDIS_GRACE_S)
        if self.postgres is not None and self.postgres.child is not None:
            self.postgres.child.stop(_POSTGRES_GRACE_S)
        leftovers = self._locks.sweep() if self._locks is not None else []
        if self._sockets is not None and self._folder is not None:
            remove_short_folder(self._sockets, self._folder.root)
        if self._locks is not None:
            self._locks.release()
        self._folder = self._locks = self._sockets = self.postgres = self.redis = None
        return leftovers

    @property
    def is_locked(self) -> bool:
        """Whether this object holds its data folder."""
        return self._locks is not None

    @property
    def lock_fd(self) -> int:
        """The descriptor of the children lock, which every other child of this folder must inherit too."""
        if self._locks is None:
            raise EmbeddedError(f"the data folder {self._data} is not locked")
        return self._locks.children_fd

    @property
    def urls(self) -> ServerUrls:
        """Where the running servers are."""
        return ServerUrls(self.database_url, self.broker_url)

    @property
    def database_url(self) -> str:
        """SQLAlchemy URL of the database `mispair`."""
        return self.url_of(DATABASE)

    @property
    def broker_url(self) -> str:
        """Celery broker URL; the path is quoted, since kombu unquotes it."""
        return f"redis+socket://{quote(str(self._socket_folder() / 'redis.sock'))}?virtual_host=0"

    def url_of(self, name: str) -> str:
        """SQLAlchemy URL of another database of the cluster."""
        return databases.database_url(self._socket_folder(), name)

    def create_database(self, name: str, template: str | None = None) -> str:
        """Create a database, as a copy of `template` when given, and return its URL."""
        databases.create_database(self._socket_folder(), name, template)
        return self.url_of(name)

    def drop_database(self, name: str) -> None:
        """Drop a database with the connections to it; nothing happens when it does not exist."""
        databases.drop_database(self._socket_folder(), name)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def _socket_folder(self) -> Path:
        if self._sockets is None:
            raise EmbeddedError(f"the servers of {self._data} are not started")
        return self._sockets
