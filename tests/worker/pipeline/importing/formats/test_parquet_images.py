import os
import zipfile
from pathlib import Path

import pytest

from app.core.storage import LocalStorage
from tests.worker.archives import parquet_bytes, zip_file
from tests.worker.pipeline.importing.formats.conftest import GREEN, RED, Tell, refusal
from worker.pipeline.importing.limits import ImportLimits
from worker.pipeline.importing.refusal import ArchiveRefusedError

_CELLS = [{"bytes": RED, "path": "a.png"}, {"bytes": GREEN, "path": None}]


class TestParquetImages:
    def test_a_bare_file(self, tmp_path: Path, tell: Tell, store: LocalStorage) -> None:
        path = tmp_path / "upload"
        path.write_bytes(parquet_bytes({"image": _CELLS, "text": ["red", "green"], "id": [1, 2]}))
        told = tell(path)
        assert told.format == "parquet_images"
        assert told.pairs == [("a.png", "red"), ("corpus.parquet/2", "green")]
        assert told.ids == ["1", "2"]
        stored = [store.read_range(one.shard_key, one.shard_offset, one.n_bytes) for one in told.version.images]
        assert stored == [RED, GREEN]

    def test_lists_of_captions_and_splits_by_the_files_name(self, tell: Tell) -> None:
        data = parquet_bytes({"image": _CELLS[:1], "caption": [["one", "two"]], "img_id": ["7"]})
        told = tell({"data/train-00000-of-00001.parquet": data})
        assert told.pairs == [("a.png", "one"), ("a.png", "two")]
        assert told.extra[0] == {"img_id": "7", "split": "train"}

    def test_an_image_that_is_not_there(self, tell: Tell) -> None:
        cells = [{"bytes": None, "path": None}, *_CELLS]
        told = tell({"a.parquet": parquet_bytes({"image": cells, "text": ["x", "red", "green"]})})
        assert told.rejected == [("a.parquet", 1, "missing_image")]

    def test_an_image_that_lies_beside_the_table(self, tell: Tell) -> None:
        cells = [{"bytes": None, "path": "images/a.png"}, _CELLS[1]]
        told = tell({"a.parquet": parquet_bytes({"image": cells, "text": ["red", "green"]}), "images/a.png": RED})
        assert told.pairs[0] == ("images/a.png", "red")

    @pytest.mark.parametrize("data", [b"<html>", b""])
    def test_bytes_that_are_no_image(self, data: bytes, tell: Tell) -> None:
        told = tell({"a.parquet": parquet_bytes({"png": [data, RED], "text": ["x", "red"]})})
        assert told.rejected == [("a.parquet", 1, "not_an_image")]

    def test_an_image_over_the_limit(self, tell: Tell, limits: ImportLimits) -> None:
        cells = [b"\0" * (limits.max_member_bytes + 1), RED]
        told = tell({"a.parquet": parquet_bytes({"png": cells, "text": ["x", "red"]})})
        assert told.rejected == [("a.parquet", 1, "member_too_large")]

    def test_one_cell_that_many_rows_point_to_is_a_bomb(self, tell: Tell, limits: ImportLimits) -> None:
        object.__setattr__(limits, "min_unpacked_bytes", 2**20)
        object.__setattr__(limits, "max_unpacked_ratio", 2)
        cells = [RED + os.urandom(2**17)] * 40
        data = parquet_bytes({"png": cells, "text": ["x"] * 40})
        assert len(data) < 2**18
        assert refusal(tell, {"a.parquet": data}).code == "archive_bomb"

    def test_no_caption(self, tell: Tell) -> None:
        assert (
            refusal(tell, {"a.parquet": parquet_bytes({"image": _CELLS, "label": [1, 2]})}).code == "no_caption_column"
        )

    def test_a_broken_part_is_refused_by_name_and_not_left_out(self, tell: Tell) -> None:
        part = parquet_bytes({"image": _CELLS, "text": ["red", "green"]})
        files = {"train-00000-of-00002.parquet": part, "train-00001-of-00002.parquet": part[: len(part) // 2]}
        with pytest.raises(ArchiveRefusedError, match="train-00001-of-00002"):
            tell(files)

    def test_a_damaged_member_beside_a_table_costs_nothing(self, tmp_path: Path, tell: Tell) -> None:
        part = parquet_bytes({"image": _CELLS, "text": ["red", "green"]})
        path = zip_file(
            tmp_path / "a.zip",
            {"captions.csv": b"image,caption\na.png,red\n", "a.png": RED, "x.parquet": part},
            compression=zipfile.ZIP_STORED,
        )
        data = path.read_bytes()
        at = data.index(part) + len(part) // 2
        path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        assert tell(path).pairs == [("a.png", "red")]
