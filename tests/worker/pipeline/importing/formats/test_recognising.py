"""What is taken when several formats fit, and what is said when none does."""

import pytest

from app.core.models import CorpusFormat
from tests.worker.pipeline.importing.formats.conftest import GREEN, RED, Tell, refusal
from worker.pipeline.importing.formats import FORMATS

_TABLE = b"image,caption\na.png,red\n"


class TestRecognise:
    def test_a_table_named_captions_comes_before_texts_beside_images(self, tell: Tell) -> None:
        assert tell({"captions.csv": _TABLE, "a.png": RED, "a.txt": b"other"}).format == "table"

    def test_the_format_may_be_forced(self, tell: Tell) -> None:
        told = tell({"captions.csv": _TABLE, "a.png": RED, "a.txt": b"other"}, CorpusFormat.SIDECAR)
        assert told.pairs == [("a.png", "other")]

    @pytest.mark.parametrize("name", ["pairs.csv", "deep/folder/pairs.tsv", "captions.tsv"])
    def test_open_clips_table(self, name: str, tell: Tell) -> None:
        told = tell({name: b'filepath\ttitle\nimg/a.png\tred, "really" red\n', "img/a.png": RED})
        assert (told.format, told.pairs) == ("open_clip", [("img/a.png", 'red, "really" red')])

    def test_a_table_may_be_named_txt(self, tell: Tell) -> None:
        told = tell({"list.txt": b"file_name;text\na.png;red\n", "a.png": RED, "notes.txt": b"image of a caption\n"})
        assert (told.format, told.pairs) == ("table", [("a.png", "red")])

    def test_shards_beside_a_table_are_not_taken_for_samples(self, tell: Tell) -> None:
        assert tell({"pairs.csv": _TABLE, "a.png": RED, "code.tar": b"x"}).format == "table"

    def test_a_forced_format_that_does_not_fit_is_refused_with_what_would(self, tell: Tell) -> None:
        error = refusal(tell, {"captions.csv": _TABLE, "a.png": RED}, CorpusFormat.COCO)
        assert error.code == "wrong_format"
        assert "looks like: table" in error.detail

    def test_nothing_that_is_known(self, tell: Tell) -> None:
        error = refusal(tell, {"a.png": RED, "b.png": GREEN, "notes.md": b"x"})
        assert error.code == "no_manifest"
        assert "3 files (2 .png, 1 .md)" in error.detail
        assert all(f"{name}:" in error.detail for name in CorpusFormat)

    def test_scans_features_are_named_and_refused(self, tell: Tell) -> None:
        error = refusal(tell, {"f30k/train_ims.npy": b"x", "f30k/train_caps.txt": b"a\n"})
        assert error.code == "unsupported_format"
        assert "bench paper" in error.detail

    def test_every_name_has_a_format(self) -> None:
        assert sorted(one.name for one in FORMATS) == sorted(CorpusFormat)
