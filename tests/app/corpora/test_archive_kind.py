import gzip
import os
import tarfile

import pytest
from backports import zstd

from app.core.errors import InvalidPayloadError, UnsupportedTypeError
from app.corpora.archive_kind import HEAD_BYTES, archive_kind, early_archive_kind
from tests.app.corpora.archives import tar_bytes, tar_gz_bytes, zip_bytes

PNG = b"\x89PNG\r\n\x1a\n" + bytes(300)


class TestArchiveKind:
    @pytest.mark.parametrize(
        ("body", "kind"),
        [
            (zip_bytes(), "zip"),
            (zip_bytes(n_members=0), "zip"),
            (tar_bytes(tarfile.PAX_FORMAT), "tar"),
            (tar_bytes(tarfile.GNU_FORMAT), "tar"),
            (tar_bytes(tarfile.USTAR_FORMAT), "tar"),
            (tar_gz_bytes(), "tar.gz"),
            (zstd.compress(tar_bytes()), "tar.zst"),
            (b"PAR1" + bytes(100), "parquet"),
        ],
    )
    def test_it_is_told_from_the_magic(self, body: bytes, kind: str) -> None:
        assert archive_kind(body[:HEAD_BYTES]) == kind

    def test_an_empty_body_is_refused(self) -> None:
        with pytest.raises(InvalidPayloadError) as raised:
            archive_kind(b"")
        assert raised.value.code == "empty_body"

    @pytest.mark.parametrize(
        "body",
        [b"P", b"PK", b"PK\x05\x05", PNG, b"7z\xbc\xaf\x27\x1c", b"image,caption\n", gzip.compress(b"a,b\n"),
         zstd.compress(b"a,b\n"),
         b"\x1f\x8b", b"\x1f\x8b\xff" + bytes(300), tar_bytes()[:261]],
    )  # fmt: skip
    def test_anything_else_is_refused(self, body: bytes) -> None:
        with pytest.raises(UnsupportedTypeError, match="allowed are zip, tar, ") as raised:
            archive_kind(body)
        assert raised.value.code == "unsupported_archive"


class TestEarlyArchiveKind:
    @pytest.mark.parametrize("n_bytes", [0, 3, 261])
    def test_too_few_bytes_to_tell_are_waited_for(self, n_bytes: int) -> None:
        assert early_archive_kind(tar_bytes()[:n_bytes]) is None

    def test_four_bytes_tell_a_zip(self) -> None:
        assert early_archive_kind(zip_bytes()[:4]) == "zip"

    def test_as_soon_as_a_tar_is_told_no_more_is_waited_for(self) -> None:
        assert early_archive_kind(tar_bytes()[:262]) == "tar"

    def test_a_compressed_tar_is_waited_for_until_it_shows(self) -> None:
        body = tar_gz_bytes()
        kinds = [early_archive_kind(body[:n_bytes]) for n_bytes in range(len(body) + 1)]
        assert set(kinds) == {None, "tar.gz"}

    def test_what_can_be_no_archive_is_refused_before_the_rest_comes(self) -> None:
        with pytest.raises(UnsupportedTypeError):
            early_archive_kind(PNG[:262])

    def test_a_damaged_gzip_is_refused_at_once(self) -> None:
        with pytest.raises(UnsupportedTypeError):
            early_archive_kind(b"\x1f\x8b\xff" + bytes(20))

    def test_a_gzip_that_never_shows_its_content_is_not_waited_for_for_ever(self) -> None:
        endless_name = b"\x1f\x8b\x08\x08" + bytes(6) + b"n" * HEAD_BYTES
        with pytest.raises(UnsupportedTypeError):
            early_archive_kind(endless_name[:HEAD_BYTES])

    def test_noise_is_refused(self) -> None:
        with pytest.raises(UnsupportedTypeError):
            early_archive_kind(b"\x00" + os.urandom(HEAD_BYTES - 1))
