"""Server-sent events of a job, across broken connections."""

import json
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager

import httpx2

from mispair.answers import JobEvent, parse_answer
from mispair.connection import Connection
from mispair.errors import MispairError, RefusedError, UnexpectedAnswerError, UnreachableError

TERMINAL_EVENTS = frozenset({"done", "failed", "cancelled"})
_SHORTEST_PAUSE_S = 0.25
_LONGEST_PAUSE_S = 5.0


def follow_events(connection: Connection, path: str, *, after: int = 0, patience_s: float = 60.0) -> Iterator[JobEvent]:
    """Yield each event once, in order, until the terminal one.

    A connection that breaks is opened again with `Last-Event-ID`, so the server continues where it was.

    Args:
        path: the events resource, such as `/v1/runs/{id}/events`.
        after: the last `seq` already known.
        patience_s: how long the server may stay away before the failure is raised.

    Raises:
        UnreachableError, RefusedError: the server refused, or stayed away for longer than `patience_s`.
    """
    pause_s = _SHORTEST_PAUSE_S
    give_up_at = time.monotonic() + patience_s
    while True:
        failure: MispairError = UnreachableError(f"{path} ended before the job did")
        try:
            with _open_stream(connection, path, after) as response:
                if response.status_code == httpx2.codes.NO_CONTENT:
                    return  # `after` is the job's last event.
                for event in _read_events(response, path, after):
                    after = event.seq
                    pause_s, give_up_at = _SHORTEST_PAUSE_S, time.monotonic() + patience_s
                    yield event
                    if event.kind in TERMINAL_EVENTS:
                        return
        except (UnreachableError, RefusedError) as error:
            if isinstance(error, RefusedError) and not error.is_temporary:
                raise
            failure = error
        if time.monotonic() + pause_s > give_up_at:
            raise failure
        time.sleep(pause_s)
        pause_s = min(pause_s * 2, _LONGEST_PAUSE_S)


def _open_stream(connection: Connection, path: str, after: int) -> AbstractContextManager[httpx2.Response]:
    headers = {"Accept": "text/event-stream"}
    if after:
        headers["Last-Event-ID"] = str(after)
    return connection.stream("GET", path, headers=headers)


def _read_events(response: httpx2.Response, path: str, after: int) -> Iterator[JobEvent]:
    """Events of one connection; one that is known already is dropped."""
    for message in httpx2.EventSource(response):
        if not message.data:
            continue
        try:
            event = parse_answer(JobEvent, json.loads(message.data))
        except ValueError as error:
            raise UnexpectedAnswerError(f"{path} sent an event that is no JSON") from error
        if event.seq > after:
            after = event.seq
            yield event
