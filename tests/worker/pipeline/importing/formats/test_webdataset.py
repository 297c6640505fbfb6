from pathlib import Path

from app.core.models import CorpusFormat
from app.core.storage import LocalStorage
from tests.worker.archives import image_bytes, tar_file, zip_file
from tests.worker.pipeline.importing.formats.conftest import GREEN, RED, Tell, refusal

_SHARD = {"0001.jpg": RED, "0001.txt": b"red", "0001.json": b'{"url": "http://x.example/1"}', "0002.png": GREEN}


def shard(tmp_path: Path, files: dict[str, bytes]) -> bytes:
    return tar_file(tmp_path / "shard.tar", files).read_bytes()


class TestOneShard:
    def test_members_with_one_key_are_a_sample(self, tmp_path: Path, tell: Tell) -> None:
        told = tell(tar_file(tmp_path / "a.tar", _SHARD | {"0002.seg.png": RED, "0002.txt": b"green"}))
        assert told.format == "webdataset"
        assert told.pairs == [("0001.jpg", "red"), ("0002.png", "green")]
        assert told.ids == ["0001", "0002"]
        assert told.extra == [{"url": "http://x.example/1"}, None]
        assert told.rejected == [(None, None, "no_caption_for_image")]

    def test_a_key_without_an_image_or_without_a_text(self, tmp_path: Path, tell: Tell) -> None:
        told = tell(tar_file(tmp_path / "a.tar", _SHARD | {"0003.txt": b"lost"}))
        assert told.rejected == [("0003.txt", 2, "missing_image"), (None, None, "no_caption_for_image")]

    def test_a_name_that_is_no_text_can_be_stored(self, tmp_path: Path, tell: Tell) -> None:
        told = tell(tar_file(tmp_path / "a.tar", {"caf\udce9.jpg": RED, "caf\udce9.txt": b"red"}))
        assert (told.pairs, told.ids) == ([("caf\\xe9.jpg", "red")], ["caf\\xe9"])


class TestShards:
    def test_they_are_opened_in_a_zip_and_in_a_tar(self, tmp_path: Path, tell: Tell, store: LocalStorage) -> None:
        shards = {
            "data/00000.tar": shard(tmp_path, {"0.jpg": RED, "0.txt": b"red"}),
            "data/00001.tar": shard(tmp_path, {"0.jpg": GREEN, "0.json": b'{"caption": "green"}'}),
        }
        for path in (zip_file(tmp_path / "a.zip", shards), tar_file(tmp_path / "a.tar", shards)):
            told = tell(path)
            assert told.pairs == [("data/00000.tar/0.jpg", "red"), ("data/00001.tar/0.jpg", "green")]
            stored = [store.read_range(one.shard_key, one.shard_offset, one.n_bytes) for one in told.version.images]
            assert stored == [RED, GREEN]

    def test_a_tar_inside_a_shard_is_not(self, tmp_path: Path, tell: Tell) -> None:
        inner = shard(tmp_path, {"9.jpg": image_bytes((9, 9, 9)), "9.txt": b"nine"})
        outer = shard(tmp_path, {"0.jpg": RED, "0.txt": b"red", "deep.tar": inner})
        told = tell({"00000.tar": outer})
        assert (len(told.pairs), told.version.n_other_members) == (1, 1)

    def test_a_damaged_one_is_named(self, tmp_path: Path, tell: Tell) -> None:
        error = refusal(tell, {"00000.tar": shard(tmp_path, {"0.jpg": RED})[:700]})
        assert error.code == "truncated_archive"
        assert "00000.tar" in error.detail

    def test_what_no_archive_may_hold_no_shard_may(self, tmp_path: Path, tell: Tell) -> None:
        assert refusal(tell, {"00000.tar": shard(tmp_path, {"../0.jpg": RED})}).code == "unsafe_path"
        many = shard(tmp_path, {f"{number}.txt": b"" for number in range(60)})
        assert refusal(tell, {"0.tar": many, "1.tar": many}).code == "too_many_members"

    def test_other_formats_do_not_open_them(self, tmp_path: Path, tell: Tell) -> None:
        files = {
            "captions.csv": b"image,caption\na.png,red\n",
            "a.png": RED,
            "x.tar": shard(tmp_path, {"b.png": GREEN}),
        }
        told = tell(files, CorpusFormat.TABLE)
        assert (len(told.pairs), told.rejected, told.version.n_other_members) == (1, [], 1)
