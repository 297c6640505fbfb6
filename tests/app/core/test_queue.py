import base64
import json
import uuid

import pytest
import redis

from app.core.models import JobKind
from app.core.queue import WakeUps, make_celery
from app.core.settings import Settings

NOWHERE = "redis+socket:///nowhere/redis.sock?virtual_host=0"


class TestMakeCelery:
    def test_a_message_is_acknowledged_before_its_task_runs(self) -> None:
        assert make_celery(NOWHERE).conf.task_acks_late is False

    def test_nothing_waits_behind_a_long_task(self) -> None:
        assert make_celery(NOWHERE).conf.worker_disable_prefetch is True

    def test_only_json_is_read(self) -> None:
        assert list(make_celery(NOWHERE).conf.accept_content) == ["json"]


class TestWakeUps:
    @pytest.mark.parametrize(
        ("kind", "queue", "task"),
        [
            (JobKind.IMPORT, "cpu", "worker.tasks.import_corpus"),
            (JobKind.RUN, "gpu", "worker.tasks.run_cleaning"),
        ],
    )
    def test_a_wake_up_is_a_message_in_the_queue_of_its_kind(
        self, settings: Settings, broker: redis.Redis, kind: JobKind, queue: str, task: str
    ) -> None:
        job_id = uuid.uuid4()
        wake_ups = WakeUps(settings.broker_url)
        assert wake_ups.send(kind, job_id) is True
        wake_ups.close()
        (message,) = (json.loads(item) for item in broker.lrange(queue, 0, -1))
        assert message["headers"]["task"] == task
        assert json.loads(base64.b64decode(message["body"]))[0] == [str(job_id)]

    def test_without_a_broker_it_says_so_quickly(self) -> None:
        wake_ups = WakeUps(NOWHERE)
        assert wake_ups.send(JobKind.RUN, uuid.uuid4()) is False
        wake_ups.close()
