"""PostgreSQL as a direct child: make the cluster, repair what a crash left, start, stop."""

import os
import shutil
import signal
from collections.abc import Mapping
from pathlib import Path

from app.core.embedded.account import ServerAccount
from app.core.embedded.binaries import POSTGRES_MAJOR, PostgresBinaries
from app.core.embedded.data_folder import DataFolder
from app.core.embedded.errors import AlreadyRunningError, DataFolderError, EmbeddedError
from app.core.embedded.process import Child, ChildSpec
from app.core.embedded.waiting import Cancelled, never, wait_until

SUPERUSER = "mispair"
_INITDB_TIMEOUT_S = 300.0  # it ends with a sync, which takes many seconds on a busy disk
_SETTINGS = (
    "unix_socket_permissions=0700",
    "max_connections=60",
    "shared_buffers=128MB",
    "max_wal_size=2GB",
    "timezone=UTC",
    "log_timezone=UTC",
    # One call instead of an fsync a file: back 0.5 s after a crash instead of 1.7 to 3.2 s.
    "recovery_init_sync_method=syncfs",
)
_NOT_DURABLE = ("fsync=off", "synchronous_commit=off", "full_page_writes=off")


class PostgresServer:
    """One PostgreSQL server on a private unix socket.

    Args:
        folder: the data folder; its locks must be held.
        binaries: the programs.
        account: as whom they run.
        sockets: the folder for the socket.
        durable: False gives up crash safety for speed; for tests.
        pass_fds: descriptors that it inherits.
    """

    name = "postgres"

    def __init__(
        self,
        folder: DataFolder,
        binaries: PostgresBinaries,
        account: ServerAccount,
        *,
        sockets: Path,
        durable: bool,
        pass_fds: tuple[int, ...],
    ) -> None:
        self._folder = folder
        self._binaries = binaries
        self._account = account
        self._sockets = sockets
        self._durable = durable
        self._pass_fds = pass_fds
        self.child: Child | None = None

    def prepare(self, *, cancelled: Cancelled = never) -> None:
        """Make the cluster if there is none, and check that it is one that this server can run.

        Raises:
            DataFolderError: the cluster is of another version or another owner.
            ChildFailedError: initdb failed.
        """
        if not self._folder.postgres.exists():
            self._make_cluster(cancelled)
        check_cluster(self._folder.postgres, self._account)

    def launch(self) -> Child:
        """Start the server without waiting until it takes connections; also after it crashed."""
        remove_stale_pid_file(self._folder.postgres)
        settings = _SETTINGS + (() if self._durable else _NOT_DURABLE)
        options = [word for setting in settings for word in ("-c", setting)]
        pgdata, sockets = str(self._folder.postgres), str(self._sockets)
        # SIGINT is PostgreSQL's fast shutdown: it ends the connections and writes a clean checkpoint.
        self.child = Child(
            self._spec(
                self.name,
                (str(self._binaries.postgres), "-D", pgdata, "-k", sockets, "-h", "", *options),
                signal.SIGINT,
            )
        )
        return self.child

    def wait_ready(self, timeout_s: float, *, cancelled: Cancelled = never) -> None:
        """Wait until it takes connections; redo after a crash is part of this.

        Raises:
            ChildFailedError: it ended, or is not ready in time.
        """
        child = self._launched()
        if not wait_until(lambda: not child.is_running or self._is_ready(child), timeout_s, cancelled=cancelled):
            raise child.failure(f"is not ready after {timeout_s:g} s")
        if not child.is_running:
            raise child.failure(f"ended with status {child.exit_code} while starting")

    def _is_ready(self, child: Child) -> bool:
        """Read the state from postmaster.pid; knocking would fill the log with refusals."""
        lines = _pid_file_lines(self._folder.postgres)
        return len(lines) >= 8 and lines[0] == str(child.pid) and lines[7].strip() == "ready"

    def _launched(self) -> Child:
        if self.child is None:
            raise EmbeddedError("PostgreSQL was not launched")
        return self.child

    def _make_cluster(self, cancelled: Cancelled) -> None:
        """Run initdb in `pg.new` and rename, so that a cluster that was killed half-made is never taken for one."""
        unfinished = self._folder.root / "pg.new"
        if unfinished.exists():
            shutil.rmtree(unfinished)
        unfinished.mkdir(mode=0o700)
        if not self._account.is_own:
            os.chown(unfinished, self._account.uid, self._account.gid)
        # The builtin C.UTF-8 is deterministic, knows upper and lower beyond ASCII, and needs no locale of the system.
        command = [str(self._binaries.initdb), "-D", str(unfinished), "-U", SUPERUSER, "--auth=trust", "-E", "UTF8"]
        command += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-instructions"]
        command.append("--sync-method=syncfs" if self._durable else "--no-sync")
        child = Child(self._spec("initdb", tuple(command), signal.SIGTERM))
        try:
            wait_until(lambda: not child.is_running, _INITDB_TIMEOUT_S, cancelled=cancelled)
        finally:
            exit_code = child.kill()
        if exit_code != 0:
            raise child.failure(f"ended with status {exit_code}")
        unfinished.rename(self._folder.postgres)
        _sync_folder(self._folder.root)

    def _spec(self, name: str, command: tuple[str, ...], stop_signal: signal.Signals) -> ChildSpec:
        return ChildSpec(
            name=name,
            command=command,
            env=_server_environment(),
            cwd=self._folder.root,
            log_path=self._folder.log(name),
            stop_signal=stop_signal,
            death_signal=stop_signal,
            pass_fds=self._pass_fds,
            account=self._account,
        )


def check_cluster(pgdata: Path, account: ServerAccount) -> None:
    """Check version and owner of a cluster.

    Raises:
        DataFolderError: naming what is there and what is allowed.
    """
    try:
        version = (pgdata / "PG_VERSION").read_text().strip()
        owner = pgdata.stat().st_uid
    except FileNotFoundError as error:
        raise DataFolderError(f"{pgdata} is not a PostgreSQL data folder: it has no PG_VERSION") from error
    except PermissionError as error:
        raise DataFolderError(f"{pgdata} cannot be read by user id {os.geteuid()}") from error
    if version != str(POSTGRES_MAJOR):
        raise DataFolderError(
            f"{pgdata} was made by PostgreSQL {version}, and this Mispair runs PostgreSQL {POSTGRES_MAJOR}: start the"
            " Mispair that made it, save its content with pg_dump, and restore that into a new data folder"
        )
    if owner != account.uid:
        raise DataFolderError(
            f"{pgdata} belongs to user id {owner}, and PostgreSQL would run as user id {account.uid}:"
            " start Mispair as the user who made this data folder, or use another folder"
        )


def remove_stale_pid_file(pgdata: Path) -> None:
    """Remove a postmaster.pid whose process is gone.

    PostgreSQL itself refuses to start when any process of the same user has that number by now.

    Raises:
        AlreadyRunningError: a PostgreSQL server does run on this folder.
    """
    lines = _pid_file_lines(pgdata)
    if not lines:
        return
    pid = lines[0].strip()
    if pid.isdigit() and _is_postmaster(int(pid), pgdata):
        raise AlreadyRunningError(f"a PostgreSQL server that Mispair did not start runs on {pgdata} (process {pid})")
    (pgdata / "postmaster.pid").unlink(missing_ok=True)


def _is_postmaster(pid: int, pgdata: Path) -> bool:
    """Read the command line, which unlike /proc/PID/exe may be read across accounts in a container too."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return os.path.basename(words[0]) == b"postgres" and os.fsencode(pgdata) in words  # noqa: PTH119 - these are bytes


def _pid_file_lines(pgdata: Path) -> list[str]:
    try:
        return (pgdata / "postmaster.pid").read_text().splitlines()
    except FileNotFoundError:
        return []


def _server_environment() -> Mapping[str, str]:
    """Nothing of the user's: PGDATA, PGPORT or a missing LANG must not reach the server."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"}


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
