"""A worker's context over the test servers, without Celery: tasks are called as plain functions."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from app.core.settings import Settings
from worker.context import WorkerContext
from worker.stopping import stop_flag


@pytest.fixture
def worker_settings(settings: Settings) -> Settings:
    """The toy encoder, one thread, and heartbeats that a test can wait for."""
    return settings.model_copy(
        update={"default_encoder": "toy", "threads": 1, "device": "cpu", "heartbeat_s": 0.05, "lease_s": 30}
    )


@pytest.fixture
def worker(worker_settings: Settings) -> Iterator[WorkerContext]:
    context = WorkerContext(worker_settings)
    yield context
    stop_flag.clear()
    context.engine.dispose()
    context.wake_ups.close()


@pytest.fixture
def storage_root(worker_settings: Settings) -> Path:
    """The folder of the local storage."""
    return Path(unquote(urlsplit(worker_settings.storage_url).path))
