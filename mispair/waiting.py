"""Waits for an import or a run to end."""

import threading
import time
from collections.abc import Callable
from typing import TypeVar

from mispair.answers import Corpus, JobError, Run
from mispair.errors import JobFailedError, RefusedError, StoppedWaitingError, UnreachableError

_SHORTEST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 1.0

SubjectT = TypeVar("SubjectT", Corpus, Run)


def wait_until_ended(
    fetch: Callable[[], SubjectT],
    on_update: Callable[[SubjectT], None] | None,
    *,
    stop: threading.Event | None,
    patience_s: float,
) -> SubjectT:
    """Ask for the state again and again until it is final.

    Polling, not events: a snapshot says all that a progress bar needs, and one question a second survives every
    restart of the server without bookkeeping.

    Args:
        fetch: gets the newest state.
        on_update: called with every new snapshot, the last one included.
        stop: ends the wait when set.
        patience_s: how long the server may be away in between.

    Raises:
        JobFailedError: it ended without success.
        StoppedWaitingError: `stop` was set.
        UnreachableError, RefusedError: the server stayed away, or does not know the subject.
    """
    stop = stop or threading.Event()
    pause_s = _SHORTEST_PAUSE_S
    give_up_at = time.monotonic() + patience_s
    known: SubjectT | None = None
    while not stop.is_set():
        try:
            newest = fetch()
        except (UnreachableError, RefusedError) as error:
            is_lasting = isinstance(error, RefusedError) and not error.is_temporary
            if is_lasting or time.monotonic() > give_up_at:
                raise
        else:
            give_up_at = time.monotonic() + patience_s
            if newest != known:
                known = newest
                if on_update is not None:
                    on_update(newest)
            if has_ended(newest):
                return newest
        stop.wait(pause_s)
        pause_s = min(pause_s * 1.5, _LONGEST_PAUSE_S)
    raise StoppedWaitingError("stopped waiting; the work itself goes on")


def has_ended(subject: Corpus | Run) -> bool:
    """Whether it is ready or done.

    Raises:
        JobFailedError: it, or the newest change of a corpus, failed or was cancelled.
        ValueError: the corpus has no archive, so nothing is under way.
    """
    name = f"{'corpus' if isinstance(subject, Corpus) else 'run'} {subject.id}"
    if subject.state == "uploading":
        raise ValueError(f"{name} has no archive yet: upload one first")
    if subject.state in {"failed", "cancelled"}:
        error = subject.error or JobError(subject.state, f"the service gives no reason for the state {subject.state}")
        raise JobFailedError(subject=name, code=error.code, detail=error.detail)
    if isinstance(subject, Corpus) and subject.job is not None and subject.job.state in {"failed", "cancelled"}:
        # A change of a corpus that failed leaves the corpus ready, with the version that it had.
        error = subject.job.error or JobError(subject.job.state, "the service gives no reason")
        raise JobFailedError(subject=f"the change of {name}", code=error.code, detail=error.detail)
    return subject.state in {"ready", "done"}
