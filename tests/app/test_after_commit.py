import uuid

import redis
from fastapi import FastAPI
from fastapi.testclient import TestClient

from app.after_commit import AfterCommit
from app.auth.service import KeyContext
from app.core.errors import WrongStateError
from app.core.models import JobKind
from app.core.queue import WakeUps
from app.core.repositories.jobs import add_job
from app.core.settings import Settings
from app.core.storage import StorageError
from app.dependencies import SessionDep, WakeUpsDep


def _fails() -> None:
    raise StorageError("object away")


class TestAfterCommit:
    def test_effects_run_in_order_and_once(self, settings: Settings) -> None:
        ran: list[int] = []
        after_commit = AfterCommit(WakeUps(settings.broker_url))
        after_commit.add(lambda: ran.append(1))
        after_commit.add(lambda: ran.append(2))
        after_commit.run()
        after_commit.run()
        assert ran == [1, 2]

    def test_one_that_fails_does_not_keep_the_next_from_running(self, settings: Settings) -> None:
        ran: list[int] = []
        after_commit = AfterCommit(WakeUps(settings.broker_url))
        after_commit.add(_fails)
        after_commit.add(lambda: ran.append(1))
        after_commit.run()
        assert ran == [1]


class TestWakeUpOfARequest:
    def _endpoint(self, app: FastAPI, context: KeyContext, *, error: Exception | None = None) -> None:
        @app.post("/queue")
        def _queue(session: SessionDep, wake_ups: WakeUpsDep) -> None:
            job = add_job(session, workspace_id=context.workspace_id, kind=JobKind.RUN, subject_id=uuid.uuid4())
            wake_ups.wake(JobKind.RUN, job.id)
            if error is not None:
                raise error

    def test_it_is_sent_once_the_transaction_is_committed(
        self, app: FastAPI, client: TestClient, context: KeyContext, broker: redis.Redis
    ) -> None:
        self._endpoint(app, context)
        client.post("/queue")
        assert broker.llen("gpu") == 1

    def test_it_is_not_sent_when_the_transaction_is_rolled_back(
        self, app: FastAPI, client: TestClient, context: KeyContext, broker: redis.Redis
    ) -> None:
        self._endpoint(app, context, error=WrongStateError("no"))
        client.post("/queue")
        assert broker.llen("gpu") == 0
