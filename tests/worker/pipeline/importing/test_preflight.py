"""What is told of an archive before any image is decoded in full."""

import io
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.worker.archives import image_bytes, parquet_bytes, small_corpus, zip_file
from tests.worker.pipeline.importing.conftest import Import
from worker.pipeline.importing import ArchiveRefusedError, ImportLimits, UnknownFormatError, check_path
from worker.pipeline.importing.preflight import Preflight

Check = Callable[..., Preflight]

_COLOURS = {"red": (200, 30, 30), "green": (30, 200, 30), "blue": (30, 30, 200), "grey": (120, 120, 120)}


@pytest.fixture
def check(tmp_path: Path, limits: ImportLimits) -> Check:
    """`check(files)` looks at a zip of them, `check(path)` at what is there."""
    many = ImportLimits(**{**limits.__dict__, "max_archive_members": 1_000})

    def checked(source: Mapping[str, bytes] | Path, wanted: str | None = None) -> Preflight:
        path = source if isinstance(source, Path) else zip_file(tmp_path / "a.zip", source)
        return check_path(path, many, tmp_path / "scratch", wanted)

    return checked


def coloured_corpus(n_images: int, *, offset: int = 0) -> dict[str, bytes]:
    """Images of one colour each, whose captions are those of the image `offset` further on."""
    names = np.random.default_rng(0).choice(sorted(_COLOURS), n_images)
    rows = (f"{number:03}.png,a {names[(number + offset) % n_images]} thing" for number in range(n_images))
    images = {f"{number:03}.png": image_bytes(_COLOURS[name]) for number, name in enumerate(names)}
    return {"captions.csv": "\n".join(["image,caption", *rows]).encode(), **images}


def as_gif(data: bytes) -> bytes:
    """The image as one that is stored with a normal form beside it."""
    file = io.BytesIO()
    Image.open(io.BytesIO(data)).save(file, "GIF")
    return file.getvalue()


class TestCounts:
    def test_of_a_sound_corpus(self, check: Check) -> None:
        told = check(small_corpus() | {"extra.pdf": b"x"})
        assert (told.format.name, told.format.is_forced) == ("table", False)
        assert (told.n_rows, told.n_joined, told.join_rate, told.n_images, told.n_other_files) == (4, 4, 1.0, 3, 1)
        assert (told.warnings, told.needs_confirmation) == ([], False)
        assert told.images.width is not None
        assert told.images.width.max == 8

    def test_captions(self, check: Check) -> None:
        rows = b"image,caption\na.png,a dog runs\nb.png,A dog runs.\na.png,it\n"
        facts = check(small_corpus() | {"captions.csv": rows}).captions
        assert (facts.n_distinct, facts.n_repeated) == (2, 2)
        assert [(one.caption, one.n_images) for one in facts.most_repeated] == [("a dog runs", 2)]
        assert facts.words is not None
        assert (facts.words.min, facts.words.max) == (1, 3)

    def test_no_row_at_all(self, check: Check) -> None:
        told = check({"captions.csv": b"image,caption\n"})
        assert (told.n_rows, told.captions.words, told.images.width) == (0, None, None)

    def test_it_is_longer_for_more_pairs(self, check: Check) -> None:
        assert check(coloured_corpus(200)).estimated_run_s > check(small_corpus()).estimated_run_s


class TestSamples:
    def test_they_say_what_does_not_join_and_where(self, check: Check) -> None:
        rows = b"image,caption\na.png,red\nA.png,red too\nb.png,\n"
        told = check(small_corpus() | {"captions.csv": rows})
        missing, empty, unnamed = told.samples
        assert (missing.code, missing.row_number, missing.source_path) == ("missing_image", 2, "A.png")
        assert "case matters" in missing.detail
        assert missing.byte_offset == rows.index(b"A.png")
        assert (empty.code, empty.row_number) == ("empty_caption", 3)
        assert (unnamed.code, unnamed.source_path) == ("no_caption_for_image", "c.png")
        assert told.faults == {"missing_image": 1, "empty_caption": 1}

    def test_there_are_a_few_of_each_reason(self, check: Check) -> None:
        rows = b"image,caption\n" + b"".join(b"x%d.png,lost\n" % number for number in range(50))
        assert len(check({"captions.csv": rows}).samples) == 5


class TestWarnings:
    def test_rows_that_do_not_join(self, check: Check) -> None:
        rows = b"image,caption\n" + b"a.png,x\n" * 8 + b"gone.png,x\n" * 2
        told = check(small_corpus() | {"captions.csv": rows})
        assert [warning.code for warning in told.warnings] == ["low_join_rate"]
        assert told.needs_confirmation

    def test_nine_of_ten_are_enough(self, check: Check) -> None:
        rows = b"image,caption\n" + b"a.png,x\n" * 9 + b"gone.png,x\n"
        assert not check(small_corpus() | {"captions.csv": rows}).needs_confirmation

    def test_what_was_never_downloaded_does_not_count(self, check: Check) -> None:
        table = parquet_bytes(
            {
                "key": ["0", "1", "2"],
                "caption": ["red", "x", "y"],
                "status": ["success", "failed_to_download", "failed_to_download"],
                "jpg": [image_bytes(), None, None],
            }
        )
        told = check({"00000.parquet": table})
        assert (told.join_rate, told.faults) == (1.0, {"not_downloaded": 2})

    def test_captions_that_stand_some_images_off(self, check: Check) -> None:
        told = check(coloured_corpus(200, offset=1))
        assert [warning.code for warning in told.warnings] == ["shifted_captions"]
        assert "1 further on" in told.warnings[0].detail

    def test_captions_in_their_place(self, check: Check) -> None:
        assert not check(coloured_corpus(200)).warnings


class TestStoredImages:
    """An import looks at what it stored, and at normal forms where the originals are not plain."""

    def test_shift_and_sizes_are_those_of_stored_images(self, run_import: Import, limits: ImportLimits) -> None:
        many = ImportLimits(**{**limits.__dict__, "max_archive_members": 1_000})
        files = coloured_corpus(200, offset=1)
        for name in sorted(files)[:40]:
            if name.endswith(".png"):
                files[name] = as_gif(files[name])
        told = run_import(files, many).preflight
        assert told is not None
        assert [warning["code"] for warning in told["warnings"]] == ["shifted_captions"]
        assert told["images"]["width"]["max"] == 8

    def test_images_that_were_not_accepted_are_unreadable(self, run_import: Import) -> None:
        told = run_import(small_corpus() | {"a.png": b"<html>"}).preflight
        assert told is not None
        assert (told["images"]["n_sampled"], told["images"]["n_unreadable"]) == (3, 1)


class TestCheckPath:
    def test_a_folder(self, check: Check, tmp_path: Path) -> None:
        folder = tmp_path / "corpus"
        folder.mkdir()
        for name, data in small_corpus().items():
            (folder / name).write_bytes(data)
        assert check(folder).n_joined == 4

    def test_a_link_in_a_folder_is_refused(self, check: Check, tmp_path: Path) -> None:
        folder = tmp_path / "corpus"
        folder.mkdir()
        (folder / "captions.csv").symlink_to("/etc/passwd")
        with pytest.raises(ArchiveRefusedError) as caught:
            check(folder)
        assert caught.value.code == "link_member"

    def test_a_format_that_nobody_knows(self, check: Check) -> None:
        with pytest.raises(UnknownFormatError, match="known are table, open_clip"):
            check(small_corpus(), "cocoa")

    def test_nothing_temporary_stays(self, check: Check, tmp_path: Path) -> None:
        check({"a.parquet": parquet_bytes({"png": [image_bytes()], "text": ["red"]})})
        assert not list((tmp_path / "scratch").iterdir())
