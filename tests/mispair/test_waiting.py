import threading
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from mispair import waiting
from mispair.answers import Corpus, Job, JobError, Run
from mispair.errors import JobFailedError, MispairError, RefusedError, StoppedWaitingError, UnreachableError
from mispair.waiting import has_ended, wait_until_ended

RUN = Run(id="run-1", corpus_id="corpus-1", state="running", created_at=datetime(2026, 1, 1, tzinfo=UTC))
DONE = replace(RUN, state="done")


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "_SHORTEST_PAUSE_S", 0.001)


class Answers:
    def __init__(self, *answers: Run | MispairError) -> None:
        self._answers = list(answers)

    def __call__(self) -> Run:
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, MispairError):
            raise answer
        return answer


def wait(*answers: Run | MispairError, patience_s: float = 5.0, stop: threading.Event | None = None) -> list[Run]:
    seen: list[Run] = []
    last = wait_until_ended(Answers(*answers), seen.append, stop=stop, patience_s=patience_s)
    assert last == seen[-1]
    return seen


class TestWaitUntilEnded:
    def test_each_change_is_told_once(self) -> None:
        half = replace(RUN, progress=0.5)
        assert wait(RUN, RUN, half, half, DONE) == [RUN, half, DONE]

    def test_a_server_that_is_away_for_a_while_is_waited_for(self) -> None:
        away = RefusedError(status=503, code="unavailable", detail="away")
        assert wait(RUN, UnreachableError("cut"), away, DONE) == [RUN, DONE]

    def test_a_server_that_stays_away_is_told(self) -> None:
        with pytest.raises(UnreachableError):
            wait(RUN, UnreachableError("cut"), patience_s=0.01)

    def test_a_lasting_refusal_is_told_at_once(self) -> None:
        with pytest.raises(RefusedError):
            wait(RefusedError(status=404, code="not_found", detail="gone"))

    def test_stop_ends_it(self) -> None:
        stop = threading.Event()
        stop.set()
        with pytest.raises(StoppedWaitingError):
            wait(RUN, stop=stop)


class TestHasEnded:
    def test_a_failure_has_the_services_words(self) -> None:
        failed = replace(RUN, state="failed", error=JobError("diverged", "the loss is not finite"))
        with pytest.raises(JobFailedError, match=r"run run-1 failed: the loss is not finite \(diverged\)") as caught:
            has_ended(failed)
        assert caught.value.code == "diverged"

    def test_a_cancelled_run_is_called_so(self) -> None:
        with pytest.raises(JobFailedError, match="run run-1 was cancelled"):
            has_ended(replace(RUN, state="cancelled"))

    @pytest.mark.parametrize("state", ["queued", "running", "cancelling"])
    def test_open_states(self, state: str) -> None:
        assert not has_ended(replace(RUN, state=state))


class TestAChangeOfACorpus:
    def test_that_failed_is_told_although_the_corpus_is_ready(self) -> None:
        error = JobError("truncated_archive", "the archive ends in the middle of a member")
        job = Job(id="job-2", kind="import", state="failed", error=error)
        corpus = Corpus(id="corpus-1", name="birds", state="ready", created_at=RUN.created_at, job=job)
        with pytest.raises(JobFailedError, match=r"the change of corpus corpus-1.*ends in the middle") as caught:
            has_ended(corpus)
        assert caught.value.code == "truncated_archive"

    def test_that_is_done_is_the_end(self) -> None:
        job = Job(id="job-2", kind="import", state="done")
        assert has_ended(Corpus(id="corpus-1", name="birds", state="ready", created_at=RUN.created_at, job=job))
