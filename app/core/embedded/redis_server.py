"""Redis as a direct child. It carries wake-ups only: what it loses, the sweeper sends again."""

import os
import signal
import socket
import time
from pathlib import Path

from app.core.embedded.data_folder import DataFolder
from app.core.embedded.errors import EmbeddedError
from app.core.embedded.process import Child, ChildSpec
from app.core.embedded.waiting import Cancelled, never, wait_until

_PING_TIMEOUT_S = 1.0


class RedisServer:
    """One Redis-compatible server on a private unix socket.

    Args:
        folder: the data folder; its locks must be held, since a second server would silently steal the socket.
        binary: the program.
        socket_path: its socket, at most 107 bytes.
        pass_fds: descriptors that it inherits.
    """

    name = "redis"

    def __init__(self, folder: DataFolder, binary: Path, *, socket_path: Path, pass_fds: tuple[int, ...]) -> None:
        self._folder = folder
        self._binary = binary
        self._socket_path = socket_path
        self._pass_fds = pass_fds
        self.child: Child | None = None

    def launch(self) -> Child:
        """Start the server without waiting until it answers; also after it crashed."""
        self._socket_path.unlink(missing_ok=True)  # A killed server's socket would refuse every ping until the bind.
        command = [str(self._binary), "--port", "0", "--unixsocket", str(self._socket_path), "--unixsocketperm", "700"]
        command += ["--daemonize", "no", "--dir", str(self._folder.redis), "--save", "", "--appendonly", "yes"]
        command += ["--maxmemory", "128mb", "--maxmemory-policy", "noeviction"]
        self.child = Child(
            ChildSpec(
                name=self.name,
                command=tuple(command),
                env={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", "TZ": "UTC"},
                cwd=self._folder.root,
                log_path=self._folder.log(self.name),
                death_signal=signal.SIGTERM,
                pass_fds=self._pass_fds,
            )
        )
        return self.child

    def wait_ready(self, timeout_s: float, *, cancelled: Cancelled = never) -> None:
        """Wait until it answers; data that it cannot load is set aside once.

        A file written by a newer server (one found on PATH then, the wheel's now) ends an older one at its start. The
        messages in it are wake-ups, so an empty server loses nothing.

        Raises:
            ChildFailedError: it ended, or is not ready in time.
        """
        try_again = any(self._folder.redis.iterdir())
        while not self._answers_in_time(timeout_s, cancelled):
            child = self._launched()
            if child.is_running:
                raise child.failure(f"is not ready after {timeout_s:g} s")
            if not try_again:
                raise child.failure(f"ended with status {child.exit_code} while starting")
            try_again = False
            self._folder.redis.rename(self._folder.root / f"redis.set-aside-{int(time.time())}")
            self._folder.redis.mkdir(mode=0o700)
            self.launch()

    def _answers_in_time(self, timeout_s: float, cancelled: Cancelled) -> bool:
        child = self._launched()
        wait_until(lambda: not child.is_running or _answers(self._socket_path), timeout_s, cancelled=cancelled)
        return child.is_running and _answers(self._socket_path)

    def _launched(self) -> Child:
        if self.child is None:
            raise EmbeddedError("Redis was not launched")
        return self.child


def _answers(socket_path: Path) -> bool:
    """Whether a PING gets its PONG; a server that still loads its file answers with an error."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(_PING_TIMEOUT_S)
        try:
            connection.connect(str(socket_path))
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False
