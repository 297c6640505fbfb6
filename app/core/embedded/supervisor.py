"""The whole one-machine stack: what starts after what, what is started again, what stops before what."""

import os
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from http import HTTPStatus

from app.core.embedded.commands import migration_command, worker_commands
from app.core.embedded.data_folder import DataFolder
from app.core.embedded.devices import visible_gpus
from app.core.embedded.environment import child_environment
from app.core.embedded.errors import EmbeddedError, StoppedEarlyError
from app.core.embedded.options import ReadyInfo, StackEvent, StackEventKind, StackOptions, ignore_event
from app.core.embedded.process import Child, ChildSpec, stop_children
from app.core.embedded.readiness import free_port, probe, service_url
from app.core.embedded.servers import EmbeddedServers
from app.core.embedded.supervised import SupervisedChild
from app.core.embedded.waiting import Cancelled, never, wait_until

_TICK_S = 0.1
_ENDS_WHILE_STARTING = 3


class Supervisor:
    """Starts, watches and stops PostgreSQL, Redis, the workers and the API of one data folder.

    Args:
        options: what to run.
        on_event: hears what happens, in the main thread.
        is_stopping: asked between any two steps; once true, the stack winds down.
        in_hurry: asked while children wind down; once true, they are killed.
    """

    def __init__(
        self,
        options: StackOptions,
        *,
        on_event: Callable[[StackEvent], None] = ignore_event,
        is_stopping: Cancelled = never,
        in_hurry: Cancelled = never,
    ) -> None:
        self._options = options
        self._on_event = on_event
        self._is_stopping = is_stopping
        self._in_hurry = in_hurry
        self._servers = EmbeddedServers(options.data)
        self._watched: list[SupervisedChild] = []
        self._workers: list[SupervisedChild] = []
        self._api: SupervisedChild | None = None

    def start(self) -> ReadyInfo:
        """Start everything and wait until the API says that it is ready.

        Raises:
            EmbeddedError: what is in the way; `stop` is due then too.
        """
        started_at = time.monotonic()
        options = self._options
        folder = self._servers.lock(cancelled=self._is_stopping)
        port = free_port(options.host, options.port)
        self._tell(StackEventKind.STARTING, f"starting PostgreSQL and Redis in {folder.root}")
        urls = self._servers.start(cancelled=self._is_stopping)
        self._watch_servers()
        environment = child_environment(folder, urls, self._servers.lock_fd, base=os.environ, extra=options.extra_env)
        self._migrate(folder, environment)
        self._start_workers(folder, environment)
        self._start_api(folder, environment, port)
        self._wait_until_ready(port)
        return ReadyInfo(
            url=service_url(options.host, port),
            data=folder.root,
            database_url=urls.database_url,
            environment=environment,
            pids={watched.name: watched.child.pid for watched in self._watched if watched.child is not None},
            seconds=time.monotonic() - started_at,
        )

    def watch(self) -> None:
        """Start again whatever ends, until it is time to stop."""
        while not self._is_stopping():
            self._look_after_all()
            time.sleep(_TICK_S)

    def stop(self) -> None:
        """Stop the API, the workers, Redis and PostgreSQL, in this order; nothing is left running."""
        if not self._servers.is_locked:
            return  # Nothing of ours was started.
        self._tell(StackEventKind.STOPPING, "stopping")
        try:
            for group in ([self._api] if self._api else [], self._workers):
                children = [watched.child for watched in group if watched.child is not None]
                stop_children(children, self._options.grace_s, hurry=self._in_hurry)
        finally:
            leftovers = self._servers.stop()
        ended = f"; ended {len(leftovers)} leftover process(es)" if leftovers else ""
        self._tell(StackEventKind.STOPPED, f"stopped{ended}")

    def _watch_servers(self) -> None:
        for server in (self._servers.redis, self._servers.postgres):
            if server is not None and server.child is not None:
                watched = SupervisedChild(server.name, server.launch)
                watched.adopt(server.child)
                self._watched.append(watched)

    def _migrate(self, folder: DataFolder, environment: Mapping[str, str]) -> None:
        self._tell(StackEventKind.STARTING, "migrating the database")
        command = self._options.migration if self._options.migration is not None else migration_command()
        child = Child(self._spec("migrate", command, folder, environment))
        timeout_s = self._options.migration_timeout_s
        try:
            wait_until(lambda: not child.is_running, timeout_s, cancelled=self._is_stopping)
            if child.is_running:
                raise child.failure(f"did not end within {timeout_s:g} s")
        finally:
            exit_code = child.kill()
        if exit_code != 0:
            raise child.failure(f"ended with status {exit_code}")

    def _start_workers(self, folder: DataFolder, environment: Mapping[str, str]) -> None:
        self._tell(StackEventKind.STARTING, "starting the workers and the API")
        workers = self._options.workers
        if workers is None:
            gpus = visible_gpus(os.environ) if self._options.use_gpus else ()
            workers = worker_commands(self._options.n_worker_slots, gpus)
        for worker in workers:
            spec = self._spec(worker.name, worker.command, folder, {**environment, **worker.env})
            # SIGKILL: a worker that only got SIGTERM would finish its job beside the workers of the next start.
            self._workers.append(self._started(spec))

    def _start_api(self, folder: DataFolder, environment: Mapping[str, str], port: int) -> None:
        command = self._options.api(self._options.host, port)
        self._api = self._started(self._spec("api", command, folder, environment, death_signal=signal.SIGTERM))

    def _wait_until_ready(self, port: int) -> None:
        options = self._options
        deadline = time.monotonic() + options.ready_timeout_s
        while True:
            if self._is_stopping():
                raise StoppedEarlyError("stopped before the API was ready")
            self._look_after_all()
            self._refuse_endless_restarts()
            status, answer = probe(options.host, port, options.ready_path)
            if status == HTTPStatus.OK and self._api_child().is_running:
                return
            if time.monotonic() >= deadline:
                heard = f"{status} {answer}" if status is not None else answer
                raise self._api_child().failure(
                    f"is not ready after {options.ready_timeout_s:g} s: {options.ready_path} answers {heard!r}"
                )
            time.sleep(_TICK_S)

    def _refuse_endless_restarts(self) -> None:
        """While starting, what ends again and again has a cause that waiting does not cure."""
        for watched in self._watched:
            if watched.n_ends >= _ENDS_WHILE_STARTING and watched.child is not None:
                raise watched.child.failure(f"ended {watched.n_ends} times while starting")

    def _api_child(self) -> Child:
        if self._api is None or self._api.child is None:
            raise EmbeddedError("the API was not started")
        return self._api.child

    def _look_after_all(self) -> None:
        for watched in self._watched:
            happened = watched.look_after()
            if happened is not None:
                self._tell(StackEventKind.CHILD, happened)

    def _started(self, spec: ChildSpec) -> SupervisedChild:
        watched = SupervisedChild(spec.name, lambda: Child(spec))
        watched.start()
        self._watched.append(watched)
        return watched

    def _spec(
        self,
        name: str,
        command: Sequence[str],
        folder: DataFolder,
        environment: Mapping[str, str],
        *,
        death_signal: signal.Signals = signal.SIGKILL,
    ) -> ChildSpec:
        return ChildSpec(
            name=name,
            command=tuple(command),
            env=environment,
            cwd=folder.root,
            log_path=folder.log(name),
            death_signal=death_signal,
            pass_fds=(self._servers.lock_fd,),
        )

    def _tell(self, kind: StackEventKind, detail: str) -> None:
        self._on_event(StackEvent(kind, detail))
