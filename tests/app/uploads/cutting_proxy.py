"""A TCP proxy on loopback that cuts the connections which it relays, as networks do."""

import contextlib
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

_CHUNK_BYTES = 64 * 1024
_FROZEN_S = 0.7
_GOODBYE_S = 0.1
_MOST_THROTTLED_BYTES = 1_000_000


class How(StrEnum):
    """What happens to a connection."""

    RESET = "reset"
    FINISH = "finish"
    FREEZE = "freeze"  # silence, then a reset towards the client; the server is never told
    KILL = "kill"  # of the server


@dataclass(frozen=True)
class Cut:
    """One cut, once so many more bytes have come from the client."""

    after_bytes: int
    how: How


class CuttingProxy:
    """Relays connections to one port.

    Args:
        target_port: of the server.
        kill: kills the server and starts it again.

    Attributes:
        n_sent: bytes that came from clients.
        n_cuts: cuts that were made.
        throttle_bytes_per_s: how fast bytes pass, for at most a megabyte.
    """

    def __init__(self, target_port: int, kill: Callable[[], None]) -> None:
        self._target_port = target_port
        self._kill = kill
        self._lock = threading.Lock()
        self._cuts: deque[Cut] = deque()
        self._since_cut = 0
        self._open: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port: int = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.n_sent = 0
        self.n_cuts = 0
        self.throttle_bytes_per_s: float | None = None
        self._n_throttled = 0

    def plan(self, cuts: Iterable[Cut]) -> None:
        """Make these cuts from now on, one after the other."""
        with self._lock:
            self._cuts = deque(cuts)
            self._since_cut = self.n_sent = self.n_cuts = 0

    @contextmanager
    def running(self) -> Iterator["CuttingProxy"]:
        """Relay for as long as the context lasts."""
        self._start(self._accept)
        try:
            yield self
        finally:
            # Closing alone does not wake a thread that waits in accept.
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            for connection in list(self._open):
                _close(connection)
            for thread in self._threads:
                thread.join(10)

    def _start(self, target: Callable[..., None], *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(("127.0.0.1", self._target_port), timeout=5)
            except OSError:
                _reset(client)  # the server is down
                continue
            server.settimeout(None)
            self._open |= {client, server}
            self._start(self._relay, client, server)
            self._start(self._relay_back, server, client)

    def _relay(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(_CHUNK_BYTES):
                self._throttle(len(data))
                n_passed, cut = self._count(len(data))
                server.sendall(data[:n_passed])
                if cut is not None:
                    self._cut(cut.how, client, server)
                    return
        _finish(server)

    def _relay_back(self, server: socket.socket, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(_CHUNK_BYTES):
                client.sendall(data)
            _finish(client)

    def _count(self, n_bytes: int) -> tuple[int, Cut | None]:
        """How many of the bytes still pass, and the cut that follows them."""
        with self._lock:
            self.n_sent += n_bytes
            if not self._cuts or self._since_cut + n_bytes < self._cuts[0].after_bytes:
                self._since_cut += n_bytes
                return n_bytes, None
            cut = self._cuts.popleft()
            n_passed, self._since_cut = cut.after_bytes - self._since_cut, 0
            self.n_cuts += 1
            return n_passed, cut

    def _cut(self, how: How, client: socket.socket, server: socket.socket) -> None:
        if how is How.FREEZE:
            time.sleep(_FROZEN_S)
            _reset(client)
            return  # the server's side stays open: it must not wait for it
        if how is How.KILL:
            self._kill()
        if how is How.FINISH:
            _finish(server)
            self._say_goodbye(client)
        else:
            _reset(server)
            _reset(client)

    def _say_goodbye(self, client: socket.socket) -> None:
        """End without a reset, which closing with unread bytes would send: read them for a moment, then be gone."""
        client.shutdown(socket.SHUT_WR)
        client.settimeout(_GOODBYE_S)
        with contextlib.suppress(OSError):
            while data := client.recv(_CHUNK_BYTES):
                with self._lock:
                    self.n_sent += len(data)
        client.close()

    def _throttle(self, n_bytes: int) -> None:
        if self.throttle_bytes_per_s is not None and self._n_throttled < _MOST_THROTTLED_BYTES:
            self._n_throttled += n_bytes
            time.sleep(n_bytes / self.throttle_bytes_per_s)


def _finish(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def _reset(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    _close(connection)


def _close(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)  # a thread that waits in recv hears of it
    connection.close()
