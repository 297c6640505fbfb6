"""One suite for every storage: the interface is what is tested, not an implementation."""

import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from app.core.storage import LocalStorage, ObjectStorage, Storage, StorageError, open_storage


@pytest.fixture(params=["local", "object"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    openers: dict[str, Callable[[], Storage]] = {
        "local": lambda: LocalStorage(tmp_path / "root"),
        "object": lambda: ObjectStorage("memory:///", tmp_path / "cache"),
    }
    return openers[request.param]()


def _write(storage: Storage, key: str, data: bytes) -> None:
    with storage.writer(key) as file:
        file.write(data)


def _write_and_fail(storage: Storage, key: str) -> None:
    with storage.writer(key) as file:
        file.write(b"x")
        raise RuntimeError("cut")


class TestStorage:
    def test_a_written_object_is_read_back_by_range(self, storage: Storage) -> None:
        _write(storage, "a/b", b"0123456789")
        assert storage.read_range("a/b", 3, 4) == b"3456"

    def test_an_object_does_not_exist_before_its_writer_ends(self, storage: Storage) -> None:
        with storage.writer("a") as file:
            file.write(b"x")
            assert not storage.exists("a")
        assert storage.exists("a")

    def test_a_writer_that_fails_leaves_nothing(self, storage: Storage) -> None:
        with pytest.raises(RuntimeError, match="cut"):
            _write_and_fail(storage, "a")
        assert not storage.exists("a")

    def test_a_range_past_the_end_is_an_error_that_names_the_object(self, storage: Storage) -> None:
        _write(storage, "a", b"01")
        with pytest.raises(StorageError, match="object a"):
            storage.read_range("a", 1, 4)

    def test_a_missing_object_is_an_error_that_names_it(self, storage: Storage) -> None:
        with pytest.raises(StorageError, match="object gone"):
            storage.read_range("gone", 0, 1)
        with pytest.raises(StorageError, match="object gone"):
            storage.local_path("gone")

    def test_the_local_path_holds_the_bytes(self, storage: Storage) -> None:
        _write(storage, "a/b", b"01")
        assert storage.local_path("a/b").read_bytes() == b"01"

    def test_a_stored_file_stays_when_its_source_is_removed(self, storage: Storage, tmp_path: Path) -> None:
        source = tmp_path / "source"
        source.write_bytes(b"01")
        storage.put_file("a/b", source)
        source.unlink()
        assert storage.read_range("a/b", 0, 2) == b"01"

    def test_deleting_a_prefix_spares_keys_that_merely_start_alike(self, storage: Storage) -> None:
        for key in ("a/b/1", "a/b/2", "a/bc"):
            _write(storage, key, b"x")
        assert storage.delete_prefix("a/b") == 2
        assert not storage.exists("a/b/1")
        assert storage.exists("a/bc")

    def test_an_empty_object_is_an_object(self, storage: Storage) -> None:
        _write(storage, "a", b"")
        assert storage.exists("a")
        assert storage.read_range("a", 0, 0) == b""

    def test_a_healthy_store_passes_the_check(self, storage: Storage) -> None:
        storage.check()


class TestIncoming:
    """Objects that come in pieces, of every storage."""

    UPLOAD = uuid.UUID(int=7)

    def test_pieces_become_an_object(self, storage: Storage) -> None:
        incoming = storage.incoming()
        incoming.write(self.UPLOAD, 0, b"012")
        incoming.write(self.UPLOAD, 3, b"3456")
        assert not storage.exists("a")
        incoming.publish(self.UPLOAD, 7, "a")
        assert storage.read_range("a", 0, 7) == b"0123456"

    def test_they_can_be_read_before(self, storage: Storage) -> None:
        storage.incoming().write(self.UPLOAD, 0, b"012")
        storage.incoming().write(self.UPLOAD, 3, b"3456")
        assert b"".join(storage.incoming().read(self.UPLOAD, 5)) == b"01234"

    @pytest.mark.parametrize("n_again", [1, 2, 4, 6])
    def test_what_did_not_count_is_written_over(self, storage: Storage, n_again: int) -> None:
        incoming = storage.incoming()
        for offset, data in ((0, b"ab"), (2, b"XX"), (4, b"YY")):
            incoming.write(self.UPLOAD, offset, data)
        for offset in range(2, 8, n_again):
            incoming.write(self.UPLOAD, offset, b"cdefgh"[offset - 2 :][:n_again])
        incoming.publish(self.UPLOAD, 8, "a")
        assert storage.read_range("a", 0, 8) == b"abcdefgh"

    def test_publishing_twice_is_the_same_as_once(self, storage: Storage) -> None:
        storage.incoming().write(self.UPLOAD, 0, b"012")
        for _ in range(2):
            storage.incoming().publish(self.UPLOAD, 3, "a")
        assert storage.read_range("a", 0, 3) == b"012"

    def test_bytes_that_are_missing_are_an_error(self, storage: Storage) -> None:
        storage.incoming().write(self.UPLOAD, 0, b"012")
        with pytest.raises(StorageError, match=str(self.UPLOAD)):
            list(storage.incoming().read(self.UPLOAD, 4))
        with pytest.raises(StorageError):
            storage.incoming().publish(self.UPLOAD, 4, "a")

    def test_what_is_discarded_is_gone(self, storage: Storage) -> None:
        storage.incoming().write(self.UPLOAD, 0, b"012")
        for _ in range(2):
            storage.incoming().discard(self.UPLOAD)
        with pytest.raises(StorageError):
            list(storage.incoming().read(self.UPLOAD, 3))

    def test_leftovers_are_those_that_nothing_was_written_to_lately(self, storage: Storage) -> None:
        storage.incoming().write(self.UPLOAD, 0, b"012")
        assert list(storage.incoming().leftovers(3600)) == []
        assert list(storage.incoming().leftovers(-1)) == [self.UPLOAD]

    def test_a_half_written_object_of_that_age_is_removed(self, tmp_path: Path) -> None:
        storage = LocalStorage(tmp_path)
        half = tmp_path / ".incoming" / uuid.uuid4().hex
        half.write_bytes(b"half")
        assert list(storage.incoming().leftovers(3600)) == []
        assert half.exists()
        assert list(storage.incoming().leftovers(-1)) == []
        assert not half.exists()

    def test_a_gap_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(StorageError, match="missing"):
            LocalStorage(tmp_path).incoming().write(self.UPLOAD, 5, b"x")


class TestLocalStorage:
    @pytest.mark.parametrize("key", ["../outside", "/etc/passwd", "a/../../outside", ""])
    def test_a_key_may_not_leave_the_folder(self, key: str, tmp_path: Path) -> None:
        storage = LocalStorage(tmp_path / "root")
        with pytest.raises(StorageError, match="leaves the storage folder"):
            storage.exists(key)


class TestOpenStorage:
    def test_a_file_url_may_hold_escaped_characters(self, tmp_path: Path) -> None:
        storage = open_storage(f"file://{tmp_path}/with%20space", tmp_path / "cache")
        _write(storage, "a", b"x")
        assert (tmp_path / "with space" / "a").read_bytes() == b"x"

    @pytest.mark.parametrize("url", ["relative/folder", "ftp://host/x", "file://host/x", "s3://"])
    def test_another_url_is_refused_with_what_is_allowed(self, url: str, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match="expected file:///absolute/folder or s3://bucket/prefix"):
            open_storage(url, tmp_path)
