"""An archive as a whole: what is accepted, what is rejected, and that the counts add up."""

import uuid
from pathlib import Path

import pytest

from app.core.models import RejectionCode
from app.core.repositories.importing import ImportedVersion
from app.core.storage import LocalStorage
from tests.worker.archives import image_bytes, small_corpus, tar_file, tar_zst_file, zip_file
from tests.worker.pipeline.importing.conftest import NORMALISE, Import
from worker.pipeline.importing import ImportLimits, import_archive

_HEADER = b"image,caption\n"


def rejected(version: ImportedVersion) -> list[tuple[int | None, str | None, RejectionCode]]:
    return [(row.row_number, row.source_path, row.code) for row in version.rejections]


class TestSoundArchive:
    @pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz", "tar.zst"])
    def test_every_row_is_accepted_from_every_kind_of_archive(
        self, kind: str, tmp_path: Path, run_import: Import
    ) -> None:
        path = tmp_path / "corpus"
        if kind == "zip":
            zip_file(path, small_corpus())
        elif kind == "tar.zst":
            tar_zst_file(path, small_corpus())
        else:
            tar_file(path, small_corpus(), is_gzipped=kind == "tar.gz")
        version = run_import(path)
        assert (version.n_read, len(version.pairs), len(version.images)) == (4, 4, 3)
        assert not version.rejections
        assert [pair.row_number for pair in version.pairs] == [1, 2, 3, 4]

    def test_the_stored_bytes_are_the_uploaded_ones(self, run_import: Import, store: LocalStorage) -> None:
        version = run_import(small_corpus())
        for image, name in zip(version.images, ("a.png", "b.png", "c.png"), strict=True):
            stored = store.read_range(image.shard_key, image.shard_offset, image.n_bytes)
            assert stored == small_corpus()[name]
            assert (image.width_px, image.height_px, image.media_type) == (8, 8, "image/png")

    def test_equal_contents_are_stored_once(self, run_import: Import) -> None:
        files = small_corpus() | {"c.png": small_corpus()["a.png"]}
        version = run_import(files)
        assert len(version.images) == 2
        assert version.pairs[0].image_id == version.pairs[3].image_id
        assert version.images[0].source_path == "a.png"

    def test_equal_normalised_captions_share_an_ordinal(self, run_import: Import) -> None:
        files = small_corpus() | {"captions.csv": _HEADER + b"a.png,A dog.\nb.png,a cat\nc.png,a  DOG\n"}
        version = run_import(files)
        assert [pair.caption_ordinal for pair in version.pairs] == [0, 1, 0]
        assert version.n_captions == 2
        assert version.pairs[2].caption == "a  DOG"

    def test_a_full_shard_is_followed_by_another(self, run_import: Import, limits: ImportLimits) -> None:
        small = ImportLimits(**{**limits.__dict__, "shard_bytes": 1})
        version = run_import(small_corpus(), small)
        assert [image.shard_key[-5:] for image in version.images] == ["00000", "00001", "00002"]
        assert [image.shard_offset for image in version.images] == [0, 0, 0]

    def test_the_same_archive_gives_the_same_version_twice(self, run_import: Import) -> None:
        first, second = run_import(small_corpus()), run_import(small_corpus())
        assert [pair.pair_key for pair in first.pairs] == [pair.pair_key for pair in second.pairs]
        assert [image.sha256 for image in first.images] == [image.sha256 for image in second.images]

    def test_no_temporary_file_stays(self, tmp_path: Path, run_import: Import) -> None:
        run_import(tar_file(tmp_path / "corpus.tar.gz", small_corpus(), is_gzipped=True))
        assert not list((tmp_path / "scratch").iterdir())


class TestRejectedRows:
    def test_a_row_whose_image_is_missing(self, run_import: Import) -> None:
        files = small_corpus() | {"captions.csv": _HEADER + b"a.png,x\nb.png,y\nc.png,z\nd.png,w\n"}
        version = run_import(files)
        assert rejected(version) == [(4, "d.png", RejectionCode.MISSING_IMAGE)]
        assert (version.n_read, len(version.pairs)) == (4, 3)

    def test_an_image_that_no_row_names(self, run_import: Import) -> None:
        files = small_corpus() | {"lonely.png": image_bytes((1, 2, 3))}
        version = run_import(files)
        assert rejected(version) == [(None, "lonely.png", RejectionCode.NO_CAPTION_FOR_IMAGE)]
        assert version.n_read == 5

    def test_an_unnamed_image_is_known_by_its_bytes_too(self, run_import: Import) -> None:
        version = run_import(small_corpus() | {"raw_photo": image_bytes((1, 2, 3))})
        assert rejected(version) == [(None, "raw_photo", RejectionCode.NO_CAPTION_FOR_IMAGE)]

    def test_other_files_are_counted_and_junk_is_not(self, run_import: Import) -> None:
        junk = {"__MACOSX/._a.png": b"x", ".DS_Store": b"x", "images/Thumbs.db": b"x", "README.txt": b"hello"}
        version = run_import(small_corpus() | junk)
        assert (version.n_other_members, version.n_read) == (1, 4)

    def test_an_image_that_is_none_costs_each_row_that_names_it(self, run_import: Import) -> None:
        version = run_import(small_corpus() | {"a.png": b"<html>not found</html>"})
        assert rejected(version) == [
            (1, "a.png", RejectionCode.NOT_AN_IMAGE),
            (2, "a.png", RejectionCode.NOT_AN_IMAGE),
        ]
        assert (version.n_read, len(version.pairs), len(version.images)) == (4, 2, 2)

    def test_a_truncated_image(self, run_import: Import) -> None:
        whole = image_bytes((9, 9, 9), side_px=64, image_format="JPEG")
        version = run_import(small_corpus() | {"c.png": whole[:-200]})
        assert rejected(version) == [(4, "c.png", RejectionCode.TRUNCATED_IMAGE)]

    def test_an_image_over_the_pixel_limit_is_not_decoded(self, run_import: Import, limits: ImportLimits) -> None:
        version = run_import(small_corpus() | {"c.png": image_bytes(side_px=101)}, limits)
        assert rejected(version) == [(4, "c.png", RejectionCode.IMAGE_TOO_LARGE)]
        assert "101 x 101" in version.rejections[0].detail

    def test_a_member_over_the_byte_limit_is_not_read(self, run_import: Import, limits: ImportLimits) -> None:
        version = run_import(small_corpus() | {"c.png": b"\0" * (limits.max_member_bytes + 1)})
        assert rejected(version) == [(4, "c.png", RejectionCode.MEMBER_TOO_LARGE)]

    def test_a_member_that_fails_its_checksum(self, tmp_path: Path, run_import: Import) -> None:
        path = zip_file(tmp_path / "corpus.zip", small_corpus(), compression=0)
        data = bytearray(path.read_bytes())
        data[data.index(small_corpus()["c.png"]) + 30] ^= 0xFF
        path.write_bytes(data)
        assert rejected(run_import(path)) == [(4, "c.png", RejectionCode.DAMAGED_MEMBER)]

    def test_bytes_that_are_not_utf8_cost_their_row_only(self, run_import: Import) -> None:
        rows = _HEADER + b"a.png,caf\xe9\nb.png,fine\nc\xff.png,fine\n"
        version = run_import(small_corpus() | {"captions.csv": rows})
        assert rejected(version) == [
            (1, "a.png", RejectionCode.NOT_UTF8),
            (3, "c\\xff.png", RejectionCode.NOT_UTF8),
            (None, "c.png", RejectionCode.NO_CAPTION_FOR_IMAGE),
        ]
        assert version.n_read == 4

    def test_an_image_that_only_a_rejected_row_names_is_not_counted_again(self, run_import: Import) -> None:
        rows = _HEADER + b"a.png,x\nb.png,y\nc.png,\n"
        version = run_import(small_corpus() | {"captions.csv": rows})
        assert rejected(version) == [(3, "c.png", RejectionCode.EMPTY_CAPTION)]
        assert len(version.images) == 2

    def test_a_corpus_may_have_no_accepted_row(self, run_import: Import) -> None:
        version = run_import({"captions.csv": _HEADER + b"a.png,x\n"})
        assert (version.n_read, len(version.pairs), len(version.images)) == (1, 0, 0)


class TestStopping:
    def test_what_progress_raises_stops_the_import_and_leaves_no_shard(
        self, tmp_path: Path, limits: ImportLimits, store: LocalStorage
    ) -> None:
        def stop(share: float) -> None:
            if share > 0.5:
                raise KeyboardInterrupt

        path = zip_file(tmp_path / "corpus.zip", small_corpus())
        version_id = uuid.uuid4()
        with pytest.raises(KeyboardInterrupt):
            import_archive(path, store, version_id, limits, NORMALISE, scratch=tmp_path, threads=1, on_progress=stop)
        assert not store.exists(f"versions/{version_id}/shards/00000")
