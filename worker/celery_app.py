"""The Celery application: `celery -A worker.celery_app worker --queues cpu,gpu`."""

import threading
import uuid
from functools import lru_cache
from typing import Any

import structlog
from celery.signals import setup_logging, worker_init, worker_ready, worker_shutting_down
from sqlalchemy.exc import SQLAlchemyError

from app.core.database import session_scope
from app.core.logging import configure_logging
from app.core.models import JobKind
from app.core.queue import TASK_NAMES, make_celery
from app.core.repositories.workers import forget_worker, record_worker
from app.core.settings import get_settings
from app.core.sweeping import Sweeper
from worker.context import WorkerContext, worker_name
from worker.stopping import stop_flag
from worker.tasks.import_corpus import import_corpus
from worker.tasks.run_cleaning import run_cleaning
from worker.work_folders import sweep_work_folders

log = structlog.get_logger()

celery = make_celery(get_settings().broker_url)
app = celery  # the name that `celery -A` looks for


@lru_cache(maxsize=1)
def _context() -> WorkerContext:
    # Called first inside a task, which is after the fork, so that every process of the pool has connections of its own.
    return WorkerContext(get_settings())


@celery.task(name=TASK_NAMES[JobKind.IMPORT])
def import_task(job_id: str) -> None:
    import_corpus(_context(), uuid.UUID(job_id))


@celery.task(name=TASK_NAMES[JobKind.RUN])
def run_task(job_id: str) -> None:
    run_cleaning(_context(), uuid.UUID(job_id))


class MainThreads:
    """What the main process does beside Celery: says that it is alive, and sweeps. Tasks run in pool processes."""

    def __init__(self, queues: str) -> None:
        settings = get_settings()
        self._context = WorkerContext(settings)
        self._queues = queues
        self._period_s = min(settings.worker_seen_s / 3, settings.heartbeat_s)
        self._sweeper = Sweeper(
            self._context.session_factory,
            self._context.wake_ups,
            period_s=settings.sweep_s,
            resend_s=settings.lease_s,
        )
        self._stopping = threading.Event()
        self._alive = threading.Thread(target=self._say_alive, name="alive", daemon=True)

    def start(self) -> None:
        self._alive.start()
        self._sweeper.start()

    def stop(self) -> None:
        self._stopping.set()
        self._sweeper.stop()
        self._alive.join()

    def _say_alive(self) -> None:
        name = worker_name()
        while not self._stopping.is_set():
            self._record(name)
            self._stopping.wait(self._period_s)
        try:
            with session_scope(self._context.session_factory) as session:
                forget_worker(session, name)
        except SQLAlchemyError as error:
            log.info("worker.not_forgotten", error=str(error))

    def _record(self, name: str) -> None:
        try:
            with session_scope(self._context.session_factory) as session:
                record_worker(session, name, self._queues)
        except SQLAlchemyError as error:
            log.warning("worker.not_recorded", error=str(error))


_main: list[MainThreads] = []


@setup_logging.connect
def _log_as_json(**_: Any) -> None:  # Any: Celery's signal arguments
    configure_logging()


@worker_init.connect
def _sweep(**_: Any) -> None:  # Any: Celery's signal arguments
    n_swept = sweep_work_folders(WorkerContext(get_settings()).work_root)
    log.info("work_folders.swept", n_swept=n_swept)


@worker_ready.connect
def _begin(sender: Any, **_: Any) -> None:  # Any: as above
    queues = ",".join(sorted(sender.app.amqp.queues.consume_from))
    _main.append(MainThreads(queues))
    _main[0].start()
    log.info("worker.ready", queues=queues)


@worker_shutting_down.connect
def _end(**_: Any) -> None:  # Any: as above
    stop_flag.set()
    for threads in _main:
        # Not waited for here: this runs inside Celery's signal handler, and the database may be slow to answer.
        threading.Thread(target=threads.stop, name="stopping", daemon=True).start()
