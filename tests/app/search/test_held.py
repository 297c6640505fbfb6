import itertools
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event

import pytest

from app.search.held import Held


class TestHeld:
    def test_the_least_recently_used_is_dropped(self) -> None:
        held: Held[str, str] = Held(2)
        for key in ("a", "b", "a", "c"):
            held.get(key, lambda key=key: key.upper())  # type: ignore[misc] # a default argument binds the loop's key
        assert [key in held for key in "abc"] == [True, False, True]

    def test_many_threads_load_a_value_once(self) -> None:
        held: Held[str, int] = Held(2)
        numbers = itertools.count(1)
        gate = Barrier(8)

        def ask() -> int:
            gate.wait(5)
            return held.get("a", lambda: next(numbers))

        with ThreadPoolExecutor(8) as pool:
            answers = [future.result() for future in [pool.submit(ask) for _ in range(8)]]
        assert answers == [1] * 8

    def test_a_slow_load_does_not_block_another_key(self) -> None:
        held: Held[str, str] = Held(2)
        loading, go_on = Event(), Event()

        def slow() -> str:
            loading.set()
            assert go_on.wait(5)
            return "slow"

        with ThreadPoolExecutor(1) as pool:
            future = pool.submit(held.get, "slow", slow)
            assert loading.wait(5)
            assert held.get("quick", lambda: "quick") == "quick"
            go_on.set()
            assert future.result() == "slow"

    def test_a_load_that_failed_is_tried_again(self) -> None:
        held: Held[str, int] = Held(1)
        with pytest.raises(ZeroDivisionError):
            held.get("a", lambda: 1 // 0)
        assert held.get("a", lambda: 2) == 2
