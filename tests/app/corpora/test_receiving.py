import asyncio
import errno
import hashlib
import itertools
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pytest

from app.core.errors import AppError, TooLargeError, UnavailableError, UnsupportedTypeError
from app.core.settings import MIB
from app.core.storage import LocalStorage, StorageError
from app.corpora.receiving import ArchiveReceiver, ReceivedArchive
from tests.app.corpora.archives import zip_bytes

KEY = "corpora/1/archive"
ZIP = zip_bytes()


async def _chunks(*chunks: bytes) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


def _receive(receiver: ArchiveReceiver, *chunks: bytes) -> ReceivedArchive:
    return asyncio.run(receiver.receive(_chunks(*chunks)))


def _files(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


class _FailingStorage(LocalStorage):
    """A store whose files refuse to be written."""

    def __init__(self, root: Path, error: Exception) -> None:
        super().__init__(root)
        self._error = error

    @contextmanager
    def writer(self, key: str) -> Iterator[IO[bytes]]:
        with super().writer(key) as file:
            raise self._error
            yield file  # type: ignore[unreachable]  # it makes this a generator


@pytest.fixture
def storage(tmp_path: Path) -> LocalStorage:
    return LocalStorage(tmp_path)


@pytest.fixture
def receiver(storage: LocalStorage) -> Iterator[ArchiveReceiver]:
    receiver = ArchiveReceiver(storage, KEY, max_bytes=10 * MIB)
    yield receiver
    receiver.abandon(RuntimeError("end of test"))


class TestReceive:
    def test_it_tells_size_kind_and_hash(self, receiver: ArchiveReceiver) -> None:
        assert _receive(receiver, ZIP) == ReceivedArchive(KEY, "zip", len(ZIP), hashlib.sha256(ZIP).digest())

    def test_how_the_bytes_are_cut_makes_no_difference(self, storage: LocalStorage, receiver: ArchiveReceiver) -> None:
        body = ZIP + bytes(range(256)) * 20_000
        cuts = [0, 1, 2, 5, 300, 2 * MIB, 2 * MIB + 1, len(body)]
        received = _receive(receiver, *(body[start:end] for start, end in itertools.pairwise(cuts)))
        receiver.publish()
        assert received.sha256 == hashlib.sha256(body).digest()
        assert storage.read_range(KEY, 0, len(body)) == body

    def test_nothing_appears_before_it_is_published(self, storage: LocalStorage, receiver: ArchiveReceiver) -> None:
        _receive(receiver, ZIP)
        assert not storage.exists(KEY)

    def test_the_event_loop_neither_hashes_nor_writes(
        self, receiver: ArchiveReceiver, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        writers: set[int] = set()
        write = receiver._write

        def noted(data: bytes) -> None:
            writers.add(threading.get_ident())
            write(data)

        monkeypatch.setattr(receiver, "_write", noted)
        _receive(receiver, ZIP, bytes(3 * MIB))
        assert writers
        assert threading.get_ident() not in writers

    def test_one_byte_too_many_is_refused(self, storage: LocalStorage) -> None:
        receiver = ArchiveReceiver(storage, KEY, max_bytes=len(ZIP) - 1)
        with pytest.raises(TooLargeError) as raised:
            _receive(receiver, ZIP[:10], ZIP[10:])
        assert raised.value.code == "archive_too_large"

    def test_the_largest_body_allowed_is_taken(self, storage: LocalStorage) -> None:
        receiver = ArchiveReceiver(storage, KEY, max_bytes=len(ZIP))
        assert _receive(receiver, ZIP).n_bytes == len(ZIP)
        receiver.publish()

    def test_what_is_no_archive_is_never_written(self, storage: LocalStorage, tmp_path: Path) -> None:
        receiver = ArchiveReceiver(storage, KEY, max_bytes=MIB)
        with pytest.raises(UnsupportedTypeError):
            _receive(receiver, b"image,caption\n" * 100)
        assert _files(tmp_path) == []


class TestAbandon:
    def test_it_leaves_no_file(self, receiver: ArchiveReceiver, tmp_path: Path) -> None:
        _receive(receiver, ZIP)
        receiver.abandon(RuntimeError("cut"))
        assert _files(tmp_path) == []

    def test_after_publishing_the_object_stays(self, storage: LocalStorage, receiver: ArchiveReceiver) -> None:
        _receive(receiver, ZIP)
        receiver.publish()
        receiver.abandon(RuntimeError("late"))
        assert storage.exists(KEY)


class TestCheckDeclared:
    @pytest.mark.parametrize("length", [None, "0", "x", "", str(10 * MIB)])
    def test_what_may_fit_passes(self, receiver: ArchiveReceiver, length: str | None) -> None:
        receiver.check_declared(length)

    def test_what_cannot_fit_is_refused(self, receiver: ArchiveReceiver) -> None:
        with pytest.raises(TooLargeError):
            receiver.check_declared(str(10 * MIB + 1))


class TestStorageTrouble:
    @pytest.mark.parametrize(
        ("error", "code"),
        [
            (OSError(errno.ENOSPC, "no space"), "storage_full"),
            (OSError(errno.EIO, "input/output error"), "storage_unavailable"),
            (StorageError("bucket away"), "storage_unavailable"),
        ],
    )
    def test_it_is_told_as_something_that_may_pass(self, tmp_path: Path, error: Exception, code: str) -> None:
        receiver = ArchiveReceiver(_FailingStorage(tmp_path, error), KEY, max_bytes=MIB)
        with pytest.raises(UnavailableError) as raised:
            _receive(receiver, ZIP)
        assert raised.value.code == code
        assert isinstance(raised.value, AppError)
