import asyncio
import threading
import time
from collections.abc import Iterator

import pytest

from app.health.probes import DegradedError
from app.health.schemas import ComponentStatus, ReadinessView, ServiceStatus
from app.health.service import Probe, Readiness

OK, FAILING = ComponentStatus.OK, ComponentStatus.FAILING
ESSENTIAL = ["database", "storage", "migrations"]
OTHERS = ["broker", "workers"]


def _well() -> str:
    return "answers"


def _away() -> str:
    raise ConnectionError("secret address refused")


def _odd() -> str:
    raise DegradedError("the schema is old")


class _Counted:
    """A probe that is well, and counts."""

    def __init__(self) -> None:
        self.n_calls = 0

    def __call__(self) -> str:
        self.n_calls += 1
        return "answers"


class _Hanging:
    """A probe that hangs until it is let go."""

    def __init__(self) -> None:
        self.n_calls = 0
        self.is_free = threading.Event()

    def __call__(self) -> str:
        self.n_calls += 1
        self.is_free.wait(5)
        return "answers"


@pytest.fixture
def hanging() -> Iterator[_Hanging]:
    probe = _Hanging()
    yield probe
    probe.is_free.set()


def _ask(probes: dict[str, Probe] | None = None, *, n_times: int = 1, cached_s: float = 0) -> ReadinessView:
    all_probes: dict[str, Probe] = {**dict.fromkeys(ESSENTIAL + OTHERS, _well), **(probes or {})}

    async def ask() -> ReadinessView:
        readiness = Readiness(all_probes, timeout_s=0.05, cached_s=cached_s)
        for _ in range(n_times):
            view = await readiness.ask()
        readiness.close()
        return view

    return asyncio.run(ask())


class TestStatus:
    def test_when_all_is_well_it_is_ready(self) -> None:
        assert _ask().status is ServiceStatus.READY

    @pytest.mark.parametrize("name", ESSENTIAL)
    def test_without_what_serving_needs_it_is_unavailable(self, name: str) -> None:
        assert _ask({name: _away}).status is ServiceStatus.UNAVAILABLE

    @pytest.mark.parametrize("name", OTHERS)
    def test_without_what_jobs_need_it_is_degraded(self, name: str) -> None:
        assert _ask({name: _away}).status is ServiceStatus.DEGRADED


class TestComponent:
    def test_one_that_answers_is_ok(self) -> None:
        component = _ask().components["database"]
        assert (component.status, component.detail) == (OK, "answers")

    def test_one_that_fails_shows_nothing_of_the_error(self) -> None:
        component = _ask({"broker": _away}).components["broker"]
        assert (component.status, component.detail) == (FAILING, "does not answer")

    def test_one_whose_answer_is_bad_says_why(self) -> None:
        component = _ask({"migrations": _odd}).components["migrations"]
        assert (component.status, component.detail) == (FAILING, "the schema is old")

    def test_one_that_hangs_counts_as_away(self, hanging: _Hanging) -> None:
        component = _ask({"storage": hanging}).components["storage"]
        assert (component.status, component.detail) == (FAILING, "does not answer within 0.05 s")


class TestHangingProbe:
    def test_the_answer_comes_all_the_same(self, hanging: _Hanging) -> None:
        started_at = time.monotonic()
        _ask({"storage": hanging})
        assert time.monotonic() - started_at < 1

    def test_it_is_not_asked_again_while_it_hangs(self, hanging: _Hanging) -> None:
        _ask({"storage": hanging}, n_times=3, cached_s=-1)
        assert hanging.n_calls == 1

    def test_it_is_asked_again_once_it_has_answered(self, hanging: _Hanging) -> None:
        hanging.is_free.set()
        view = _ask({"storage": hanging}, n_times=2, cached_s=-1)
        assert (hanging.n_calls, view.status) == (2, ServiceStatus.READY)

    def test_the_event_loop_goes_on_meanwhile(self, hanging: _Hanging) -> None:
        async def ask() -> int:
            readiness = Readiness({"storage": hanging}, timeout_s=0.1)
            asking = asyncio.create_task(readiness.ask())
            n_turns = 0
            while not asking.done():
                await asyncio.sleep(0.005)
                n_turns += 1
            readiness.close()
            return n_turns

        assert asyncio.run(ask()) > 5


class TestCache:
    def test_an_answer_stands_for_a_while(self) -> None:
        probe = _Counted()
        _ask({"database": probe}, n_times=3, cached_s=60)
        assert probe.n_calls == 1

    def test_then_it_is_asked_for_anew(self) -> None:
        probe = _Counted()
        _ask({"database": probe}, n_times=3, cached_s=-1)
        assert probe.n_calls == 3

    def test_many_at_once_share_one_round(self) -> None:
        probe = _Counted()

        async def ask() -> None:
            readiness = Readiness({"database": probe})
            await asyncio.gather(*(readiness.ask() for _ in range(20)))
            readiness.close()

        asyncio.run(ask())
        assert probe.n_calls == 1

    def test_one_that_goes_away_does_not_end_it_for_the_others(self, hanging: _Hanging) -> None:
        async def ask() -> ReadinessView:
            readiness = Readiness({"database": hanging}, timeout_s=2)
            first = asyncio.create_task(readiness.ask())
            second = asyncio.create_task(readiness.ask())
            await asyncio.sleep(0.02)
            first.cancel()
            hanging.is_free.set()
            view = await second
            readiness.close()
            return view

        assert asyncio.run(ask()).status is ServiceStatus.READY
