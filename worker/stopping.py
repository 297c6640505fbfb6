"""Tells the processes of a pool that their worker is stopping. Celery's own signal reaches only the main process."""

import mmap


class StopFlag:
    """One byte of shared memory: made before the fork, set by the main process, read by the pool's processes."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, 1)

    def set(self) -> None:
        self._memory[0] = 1

    def clear(self) -> None:
        self._memory[0] = 0

    def is_set(self) -> bool:
        return self._memory[0] == 1


stop_flag = StopFlag()
