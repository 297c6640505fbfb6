"""A stack in a process of its own, for the tests that kill it: `python -m ...live_stack DATA PORT`.

Prints one JSON line once it is ready, and the events as lines that start with `#`.
"""

import json
import sys
from pathlib import Path

from app.core.embedded import EmbeddedError, ReadyInfo, StackEvent, run_stack
from tests.app.core.embedded.stand_ins import stand_in_options


def main() -> int:
    """Run until a signal ends it."""
    try:
        return run_stack(stand_in_options(Path(sys.argv[1]), port=int(sys.argv[2])), _say_ready, on_event=_say)
    except EmbeddedError as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        return 1


def _say_ready(info: ReadyInfo) -> None:
    _write(json.dumps({"url": info.url, "pids": dict(info.pids), "database_url": info.database_url}))


def _say(event: StackEvent) -> None:
    _write(f"# {event.detail}")


def _write(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
