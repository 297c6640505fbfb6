import threading
from pathlib import Path

import numpy as np
import pytest

from crcl_core.retrieval import IndexCache, IndexDamagedError, VectorIndex, build_index


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / str(number) for number in range(3)]
    for path in paths:
        build_index(np.eye(4, dtype=np.float32), path)
    return paths


class TestIndexCache:
    def test_the_second_call_returns_the_same_index(self, folders: list[Path]) -> None:
        cache = IndexCache(2)
        assert cache.get(folders[0]) is cache.get(folders[0])

    def test_the_least_recently_used_is_dropped(self, folders: list[Path]) -> None:
        cache = IndexCache(2)
        first, second = cache.get(folders[0]), cache.get(folders[1])
        cache.get(folders[0])
        cache.get(folders[2])
        assert len(cache) == 2
        assert cache.get(folders[0]) is first
        assert cache.get(folders[1]) is not second

    def test_a_dropped_index_still_answers(self, folders: list[Path]) -> None:
        cache = IndexCache(1)
        first = cache.get(folders[0])
        cache.get(folders[1])
        _, ids = first.search(np.eye(4, dtype=np.float32), 1)
        assert ids[:, 0].tolist() == [0, 1, 2, 3]

    def test_a_failed_opening_leaves_no_entry(self, tmp_path: Path) -> None:
        cache = IndexCache(1)
        with pytest.raises(IndexDamagedError):
            cache.get(tmp_path / "absent")
        assert len(cache) == 0

    def test_threads_share_one_opening(self, folders: list[Path]) -> None:
        cache = IndexCache(2)
        opened: list[VectorIndex] = []
        threads = [threading.Thread(target=lambda: opened.append(cache.get(folders[0]))) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len({id(index) for index in opened}) == 1

    def test_room_for_none_is_refused(self) -> None:
        with pytest.raises(ValueError, match="max_entries is 0"):
            IndexCache(0)
