"""What a new version has of the one before it, and of an archive that is appended."""

import uuid
from collections.abc import Collection
from dataclasses import replace

import pytest

from app.core.models import RejectionCode, new_id
from app.core.repositories.base_versions import BaseVersion
from app.core.repositories.importing import ImportedVersion
from tests.worker.archives import image_bytes
from tests.worker.pipeline.importing.conftest import Import
from worker.pipeline.importing import extend_version

_RED, _BLUE, _GREEN = (image_bytes(colour) for colour in ((200, 0, 0), (0, 0, 200), (0, 200, 0)))


def _base_of(version: ImportedVersion, number: int = 1) -> BaseVersion:
    return BaseVersion(
        id=version.id,
        number=number,
        image_column=version.image_column,
        caption_column=version.caption_column,
        format=version.format,
        images=list(version.images),
        pairs=list(version.pairs),
        pair_ids=[new_id() for _ in version.pairs],
    )


@pytest.fixture
def first(run_import: Import) -> ImportedVersion:
    manifest = b"id,image,caption\n1,a.png,one\n2,b.png,two\n3,b.png,three\n"
    return run_import({"captions.csv": manifest, "a.png": _RED, "b.png": _BLUE})


def _extended(
    first: ImportedVersion, *, dropped: Collection[int] = (), added: ImportedVersion | None = None
) -> ImportedVersion:
    base = _base_of(first)
    return extend_version(base, uuid.uuid4(), dropped={base.pair_ids[row] for row in dropped}, added=added)


class TestDropping:
    def test_what_is_left_keeps_its_keys_and_order(self, first: ImportedVersion) -> None:
        version = _extended(first, dropped={1})
        assert [(pair.pair_key, pair.caption, pair.caption_ordinal) for pair in version.pairs] == [
            ("1", "one", 0),
            ("3", "three", 1),
        ]
        assert (version.n_read, version.n_captions, version.n_added, version.n_dropped) == (2, 2, 0, 1)

    def test_an_image_goes_with_its_last_pair(self, first: ImportedVersion) -> None:
        version = _extended(first, dropped={0})
        (image,) = version.images
        assert image.sha256 == first.images[1].sha256
        assert {pair.image_id for pair in version.pairs} == {image.id}

    def test_the_bytes_stay_where_they_are_and_the_rows_are_new(self, first: ImportedVersion) -> None:
        version = _extended(first)
        for new, old in zip(version.images, first.images, strict=True):
            assert new.id != old.id
            assert replace(new, id=old.id) == old

    def test_the_format_stays_and_no_archive_was_looked_at(self, first: ImportedVersion) -> None:
        version = _extended(first, dropped={1})
        assert (version.format, version.preflight) == ("table", None)

    def test_nothing_may_be_left(self, first: ImportedVersion) -> None:
        version = _extended(first, dropped={0, 1, 2})
        assert (version.n_read, version.images, version.pairs, version.n_dropped) == (0, [], [], 3)


class TestAppending:
    def test_equal_images_and_captions_stay_one(self, first: ImportedVersion, run_import: Import) -> None:
        manifest = b"id,image,caption\n4,x.png,One\n5,y.png,four\n"
        added = run_import({"captions.csv": manifest, "x.png": _RED, "y.png": _GREEN})
        version = _extended(first, added=added)
        assert [(pair.pair_key, pair.caption_ordinal, pair.import_number) for pair in version.pairs] == [
            ("1", 0, 1),
            ("2", 1, 1),
            ("3", 2, 1),
            ("4", 0, 2),
            ("5", 3, 2),
        ]
        assert len(version.images) == 3
        assert version.pairs[3].image_id == version.pairs[0].image_id
        assert (version.n_added, version.n_dropped, version.parent_id) == (2, 0, first.id)

    def test_format_and_preflight_are_those_of_the_archive(self, first: ImportedVersion, run_import: Import) -> None:
        added = run_import({"y.png": _GREEN, "y.txt": b"green"})
        version = _extended(first, added=added)
        assert (version.format, version.preflight) == ("sidecar", added.preflight)

    def test_a_row_that_is_there_already_is_rejected(self, first: ImportedVersion, run_import: Import) -> None:
        again = run_import({"captions.csv": b"id,image,caption\n1,a.png,one\n2,a.png,two\n", "a.png": _RED})
        version = _extended(first, added=again)
        assert [row.code for row in version.rejections] == [RejectionCode.ALREADY_IN_CORPUS]
        # The other row has the id of a pair, but says something else.
        assert version.pairs[-1].pair_key == "2#2"
        assert version.n_read == len(version.pairs) + len(version.rejections) == 5

    def test_an_archive_appended_twice_changes_nothing(self, first: ImportedVersion) -> None:
        version = _extended(first, added=first)
        assert (version.n_added, len(version.images)) == (0, 2)
        assert {row.code for row in version.rejections} == {RejectionCode.ALREADY_IN_CORPUS}

    def test_nor_does_one_whose_rows_got_other_keys(self, first: ImportedVersion, run_import: Import) -> None:
        again = run_import({"captions.csv": b"id,image,caption\n2,b.png,other\n", "b.png": _BLUE})
        second = _extended(first, added=again)
        assert second.pairs[-1].pair_key == "2#2"
        assert _extended(second, added=again).n_added == 0

    def test_a_row_repeated_more_often_than_before_is_new(self, first: ImportedVersion, run_import: Import) -> None:
        twice = run_import({"captions.csv": b"id,image,caption\n1,a.png,one\n1,a.png,one\n", "a.png": _RED})
        version = _extended(first, added=twice)
        assert (version.n_added, version.pairs[-1].pair_key) == (1, "1#2")

    def test_its_own_rejections_are_kept(self, first: ImportedVersion, run_import: Import) -> None:
        added = run_import({"captions.csv": b"image,caption\nmissing.png,x\ny.png,new\n", "y.png": _GREEN})
        version = _extended(first, added=added)
        assert [row.code for row in version.rejections] == [RejectionCode.MISSING_IMAGE]
        assert version.n_added == 1
