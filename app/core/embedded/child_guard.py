"""Becomes a command that dies with its parent: `python -I -S child_guard.py SIGNAL PARENT_PID COMMAND...`.

Run as a file by a bare interpreter (9 ms); imports nothing of ours. The kernel sends SIGNAL to the command when the
thread that started it ends, also after kill -9 of the parent.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
PARENT_GONE = 70


def main() -> None:
    """Arm the death signal, undo what Python changed for signals, and become the command."""
    death_signal, parent_pid, command = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, death_signal, 0, 0, 0) != 0:
        sys.exit(f"prctl(PR_SET_PDEATHSIG, {death_signal}) failed: {os.strerror(ctypes.get_errno())}")
    # The parent may have died before the line above; then nobody would ever send the signal.
    if os.getppid() != parent_pid:
        sys.exit(PARENT_GONE)
    # An interpreter ignores SIGPIPE, and a shell's background job ignores SIGINT: both would be inherited.
    for number in (signal.SIGPIPE, signal.SIGXFSZ, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    os.execv(command[0], command)  # noqa: S606 - becoming the given command, without a shell, is the purpose


if __name__ == "__main__":
    main()
