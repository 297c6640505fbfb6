"""`mispair up`: run the stack in the foreground until a signal ends it."""

import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Self

from app.core.embedded.errors import StoppedEarlyError
from app.core.embedded.options import ReadyInfo, StackEvent, StackOptions, ignore_event
from app.core.embedded.supervisor import Supervisor


def run_stack(
    options: StackOptions,
    on_ready: Callable[[ReadyInfo], None],
    *,
    on_event: Callable[[StackEvent], None] = ignore_event,
    stop_event: threading.Event | None = None,
) -> int:
    """Run everything until Ctrl-C, SIGTERM, a closed terminal or `stop_event`; restart what ends meanwhile.

    Args:
        options: what to run.
        on_ready: called once, in the main thread, and must return soon: until it does, nothing is restarted. Longer
            work belongs in a thread of its own, which can end the stack through `stop_event`.
        on_event: hears what happens, in the main thread.
        stop_event: set by another thread to end the stack.

    Returns:
        0: everything was stopped as asked, also before it was ready. A second signal kills what still winds down.

    Raises:
        AlreadyRunningError, PortTakenError, DataFolderError, BinaryMissingError, ChildFailedError: why it cannot run;
            whatever had started is stopped again.
    """
    with _StopSignals(stop_event or threading.Event()) as signals:
        supervisor = Supervisor(options, on_event=on_event, is_stopping=signals.is_stopping, in_hurry=signals.in_hurry)
        try:
            on_ready(supervisor.start())
            supervisor.watch()
        except StoppedEarlyError:
            return 0
        finally:
            supervisor.stop()
    return 0


class _StopSignals:
    """Counts the signals that ask to stop; the handlers do nothing else, so they cannot break what they interrupt."""

    def __init__(self, stop_event: threading.Event) -> None:
        self._stop_event = stop_event
        self._n_signals = 0
        self._before: dict[signal.Signals, Any] = {}  # Any: what signal.signal returns

    def is_stopping(self) -> bool:
        return self._n_signals > 0 or self._stop_event.is_set()

    def in_hurry(self) -> bool:
        return self._n_signals > 1

    def __enter__(self) -> Self:
        wanted = [signal.SIGINT, signal.SIGTERM]
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup asked to outlive the terminal
            wanted.append(signal.SIGHUP)
        self._before = {number: signal.signal(number, self._count) for number in wanted}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _count(self, _number: int, _frame: FrameType | None) -> None:
        self._n_signals += 1
