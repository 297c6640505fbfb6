"""Wake-ups. The row is the queue; a Celery message only says "look at this job": it may be lost, doubled or late."""

import uuid
from typing import Any

import structlog
from celery import Celery
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from app.core.models.states import JobKind

log = structlog.get_logger()

CPU_QUEUE = "cpu"
GPU_QUEUE = "gpu"
TASK_NAMES = {JobKind.IMPORT: "worker.tasks.import_corpus", JobKind.RUN: "worker.tasks.run_cleaning"}
QUEUES = {JobKind.IMPORT: CPU_QUEUE, JobKind.RUN: GPU_QUEUE}

# Publishing gives up within a fraction of a second, because a sweeper sends again whatever was not heard.
_RETRY = {"max_retries": 1, "interval_start": 0, "interval_step": 0.1, "interval_max": 0.2}

CELERY_SETTINGS: dict[str, Any] = {  # Any: Celery's settings are of many types
    "task_serializer": "json",
    "accept_content": ["json"],
    "task_ignore_result": True,
    "task_acks_late": False,  # a late acknowledgement kills the worker when Redis dies (kombu 5.7)
    "worker_disable_prefetch": True,  # else a wake-up waits behind hours of training
    "task_create_missing_queues": True,
    "task_default_queue": CPU_QUEUE,
    "task_publish_retry": True,
    "task_publish_retry_policy": _RETRY,
    "broker_connection_retry_on_startup": True,
    "broker_connection_max_retries": None,
    "broker_transport_options": {"socket_timeout": 2, "socket_connect_timeout": 2, **_RETRY},
    "worker_hijack_root_logger": False,
    "worker_send_task_events": False,
    "timezone": "UTC",
}


def make_celery(broker_url: str) -> Celery:
    """A Celery application with the settings that producers and workers share. No result backend."""
    celery = Celery("mispair", broker=broker_url)
    celery.conf.update(CELERY_SETTINGS)
    return celery


class WakeUps:
    """Sends wake-ups. Call it after the transaction that wrote the job has been committed."""

    def __init__(self, broker_url: str) -> None:
        self._celery = make_celery(broker_url)

    def send(self, kind: JobKind, job_id: uuid.UUID) -> bool:
        """Send one wake-up; False when the broker is away, in which case a sweeper will send it again."""
        try:
            self._celery.send_task(TASK_NAMES[kind], args=[str(job_id)], queue=QUEUES[kind])
        except (OperationalError, RedisError, OSError) as error:
            log.warning("wake_up.not_sent", job_id=str(job_id), kind=kind.value, error=str(error))
            return False
        return True

    def close(self) -> None:
        """Close the connections to the broker."""
        self._celery.close()
