"""Tiny commands in place of the migration, the worker and the API, so that these tests are about the supervisor."""

import sys
from collections.abc import Callable
from pathlib import Path

from app.core.embedded import StackOptions, WorkerCommand

_API = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(int(sys.argv[3]))
        self.end_headers()
        self.wfile.write(b"stand-in")
http.server.ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), Handler).serve_forever()
"""


def python(code: str, *arguments: str) -> tuple[str, ...]:
    """A command that runs a few lines of Python."""
    return (sys.executable, "-I", "-c", code, *arguments)


def api_answering(status: int) -> Callable[[str, int], tuple[str, ...]]:
    """An API that answers everything with one status."""
    return lambda host, port: python(_API, host, str(port), str(status))


def sleeping_worker(name: str = "worker") -> WorkerCommand:
    """A worker without work."""
    return WorkerCommand(name, python("import time; time.sleep(600)"))


def stand_in_options(
    data: Path,
    *,
    migration: tuple[str, ...] = python("pass"),
    worker: WorkerCommand | None = None,
    api_status: int = 200,
    port: int = 0,
    ready_timeout_s: float = 30.0,
) -> StackOptions:
    """A whole stack: real PostgreSQL and Redis, everything else a stand-in."""
    return StackOptions(
        data=data,
        port=port,
        migration=migration,
        workers=(worker or sleeping_worker(),),
        api=api_answering(api_status),
        ready_timeout_s=ready_timeout_s,
    )
