"""What all uploads of one process share: how many may work at once, hashes under way, endings under way."""

import asyncio
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from anyio import CapacityLimiter
from anyio.to_thread import run_sync

from app.core.settings import MIB
from app.uploads.digests import Digests

ResultT = TypeVar("ResultT")

_BUFFERS_BYTES = 64 * MIB  # of all bodies that come at once, whose buffers shrink as they become more
_LARGEST_STEP, _SMALLEST_STEP = 16 * MIB, MIB // 4  # a step costs one fsync and one commit
# Threads that wait for a row which another process has locked must not keep those waiting that would unlock it. Each
# holds one of the engine's connections.
_STEPS, _ROWS, _ENDINGS = 4, 4, 2


class SharedUploads:
    """Made on the running event loop, and used on it alone."""

    def __init__(self) -> None:
        self.digests = Digests()
        self._steps = CapacityLimiter(_STEPS)
        self._rows = CapacityLimiter(_ROWS)
        self._endings = CapacityLimiter(_ENDINGS)
        self._ending: dict[uuid.UUID, asyncio.Task[None]] = {}
        self._n_receiving = 0

    @contextmanager
    def receiving(self) -> Iterator[None]:
        """Count a body for as long as it comes."""
        self._n_receiving += 1
        try:
            yield
        finally:
            self._n_receiving -= 1

    @property
    def step_bytes(self) -> int:
        """How much of a body to gather before it is stored. Twice as much is in memory: one step comes, one goes."""
        fair = _BUFFERS_BYTES // (2 * max(1, self._n_receiving))
        return max(_SMALLEST_STEP, min(_LARGEST_STEP, fair))

    async def in_step(self, store: Callable[[], ResultT]) -> ResultT:
        """Store a step in a thread."""
        return await run_sync(store, limiter=self._steps)

    async def with_rows(self, ask: Callable[[], ResultT]) -> ResultT:
        """Ask the database in a thread."""
        return await run_sync(ask, limiter=self._rows)

    async def end(self, upload_id: uuid.UUID, finish: Callable[[], None]) -> None:
        """Finish an upload in a thread, once however many requests want it: a large one may be hashed for minutes."""
        task = self._ending.get(upload_id)
        if task is None:
            task = asyncio.create_task(run_sync(finish, limiter=self._endings))
            self._ending[upload_id] = task
            task.add_done_callback(lambda _: self._ending.pop(upload_id, None))
        # A request that is cancelled does not take the others with it.
        await asyncio.shield(task)
