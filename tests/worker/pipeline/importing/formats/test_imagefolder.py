import pytest

from tests.worker.archives import parquet_bytes
from tests.worker.pipeline.importing.formats.conftest import GREEN, RED, Tell


class TestImageFolder:
    def test_each_folder_has_its_own_file_and_split(self, tell: Tell) -> None:
        files = {
            "train/metadata.csv": b"file_name,text\n1.png,red\n",
            "train/1.png": RED,
            "test/metadata.csv": b"file_name,text\n1.png,green\n",
            "test/1.png": GREEN,
        }
        told = tell(files)
        assert told.format == "imagefolder"
        assert {
            (caption, (extra or {})["split"]) for (_, caption), extra in zip(told.pairs, told.extra, strict=True)
        } == {
            ("green", "test"),
            ("red", "train"),
        }
        assert len(told.version.images) == 2

    @pytest.mark.parametrize(
        ("name", "data"),
        [
            ("metadata.jsonl", b'{"file_name": "a.png", "prompt": "red"}\n'),
            ("metadata1000.jsonl", b'{"file_name": "a.png", "prompt": "red"}\n'),
            ("metadata.parquet", parquet_bytes({"file_name": ["a.png"], "prompt": ["red"]})),
        ],
    )
    def test_it_may_be_written_otherwise(self, name: str, data: bytes, tell: Tell) -> None:
        told = tell({name: data, "a.png": RED})
        assert (told.format, told.pairs) == ("imagefolder", [("a.png", "red")])

    def test_numbered_captions(self, tell: Tell) -> None:
        told = tell({"metadata.csv": b"file_name,caption_0,caption_1\na.png,one,two\n", "a.png": RED})
        assert told.pairs == [("a.png", "one"), ("a.png", "two")]

    def test_a_path_that_repeats_the_split(self, tell: Tell) -> None:
        told = tell({"train/metadata.csv": b"file_name,text\ntrain/a.png,red\n", "train/a.png": RED})
        assert len(told.pairs) == 1

    def test_an_image_without_a_row(self, tell: Tell) -> None:
        told = tell({"metadata.csv": b"file_name,text\na.png,red\n", "a.png": RED, "b.png": GREEN})
        assert told.rejected == [(None, None, "no_caption_for_image")]
