from pathlib import Path

import pytest

from tests.worker.archives import parquet_bytes, tar_file
from tests.worker.pipeline.importing.formats.conftest import GREEN, RED, Tell, as_json

_TABLE: dict[str, list[object]] = {
    "url": ["http://x.example/0", "http://x.example/1", "http://x.example/2"],
    "caption": ["red", "lost", "green"],
    "key": ["000000000", "000000001", "000000002"],
    "status": ["success", "failed_to_download", "success"],
    "error_message": [None, "HTTP Error 404: Not Found", None],
}


def sample(key: str, caption: str, image: bytes) -> dict[str, bytes]:
    told = {"key": key, "url": "http://x.example/0", "caption": caption, "status": "success"}
    return {f"{key}.jpg": image, f"{key}.txt": caption.encode(), f"{key}.json": as_json(told)}


_FILES = sample("000000000", "red", RED) | sample("000000002", "green", GREEN)
_SIDE = {"00000.parquet": parquet_bytes(_TABLE), "00000_stats.json": b'{"count": 3}'}


class TestImg2Dataset:
    @pytest.mark.parametrize("layout", ["files", "webdataset"])
    def test_what_was_not_downloaded_is_counted(self, layout: str, tmp_path: Path, tell: Tell) -> None:
        inside = {f"00000/{name}": data for name, data in _FILES.items()}
        shard = {"00000.tar": tar_file(tmp_path / "s.tar", _FILES).read_bytes()}
        told = tell(_SIDE | (inside if layout == "files" else shard))
        assert (told.format, [caption for _, caption in told.pairs]) == ("img2dataset", ["red", "green"])
        assert told.rejected == [("00000.parquet", 2, "not_downloaded")]
        assert told.version.rejections[0].source_path == "http://x.example/1"
        assert "404" in told.version.rejections[0].detail
        assert (told.extra[0] or {})["url"] == "http://x.example/0"
        assert (told.version.n_read, told.version.n_other_members) == (3, 0)

    def test_a_row_that_should_have_files_and_has_none(self, tell: Tell) -> None:
        told = tell(_SIDE | {f"00000/{name}": data for name, data in sample("000000000", "red", RED).items()})
        assert [code for *_, code in told.rejected] == ["not_downloaded", "missing_image"]

    def test_parquet(self, tell: Tell) -> None:
        told = tell({"00000.parquet": parquet_bytes(_TABLE | {"jpg": [RED, None, GREEN]})})
        assert (told.format, [caption for _, caption in told.pairs]) == ("img2dataset", ["red", "green"])
        assert told.rejected == [("00000.parquet", 2, "not_downloaded")]
        assert told.ids == ["000000000", "000000002"]
