"""Archives that are refused as a whole, and why."""

import gzip
import io
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from backports import zstd

from tests.worker.archives import image_bytes, small_corpus, tar_file, tar_header, tar_zst_file, zip_file
from worker.pipeline.importing.limits import ImportLimits
from worker.pipeline.importing.opening import open_archive
from worker.pipeline.importing.refusal import ArchiveRefusedError, RefusalCode

# An end record that claims a directory of 100 bytes, where there is none.
_EMPTY_ZIP_WITH_A_SIZE = b"PK\x05\x06" + bytes(8) + b"\x64" + bytes(9)

Refusal = Callable[[Path], ArchiveRefusedError]


@pytest.fixture
def refusal(limits: ImportLimits, tmp_path: Path) -> Refusal:
    """Opens an archive that must be refused, and returns the refusal."""

    def opened(path: Path) -> ArchiveRefusedError:
        with pytest.raises(ArchiveRefusedError) as caught, open_archive(path, limits, tmp_path / "scratch"):
            pass
        return caught.value

    return opened


def written(path: Path, data: bytes | bytearray) -> Path:
    path.write_bytes(data)
    return path


def zip_with(path: Path, *members: zipfile.ZipInfo) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for member in members:
            archive.writestr(member, b"data")
    return path


def tar_with(path: Path, *headers: tarfile.TarInfo) -> Path:
    with tarfile.open(path, "w") as archive:
        for header in headers:
            archive.addfile(header, io.BytesIO(b"x" * header.size))
    return path


def unix_zip_member(name: str, mode: int) -> zipfile.ZipInfo:
    member = zipfile.ZipInfo(name)
    member.create_system, member.external_attr = 3, mode << 16
    return member


class TestUnreadable:
    @pytest.mark.parametrize("data", [b"", b"\x89PNG\r\n", b"not an archive" * 40])
    def test_what_is_no_archive(self, data: bytes, tmp_path: Path, refusal: Refusal) -> None:
        assert refusal(written(tmp_path / "a", data)).code == "unreadable_archive"

    def test_a_zip_behind_other_bytes(self, tmp_path: Path, refusal: Refusal) -> None:
        first = zip_file(tmp_path / "1.zip", {"a.txt": b"1"}).read_bytes()
        second = zip_file(tmp_path / "2.zip", {"b.txt": b"2"}).read_bytes()
        error = refusal(written(tmp_path / "a", first + second))
        assert error.code == "ambiguous_archive"
        assert "its directory does not end" in error.detail

    def test_a_tar_behind_a_tar(self, tmp_path: Path, refusal: Refusal) -> None:
        one = tar_file(tmp_path / "1.tar", small_corpus()).read_bytes()
        assert refusal(written(tmp_path / "a", one + one)).code == "ambiguous_archive"

    def test_an_end_record_of_a_directory_that_is_not_there(self, tmp_path: Path, refusal: Refusal) -> None:
        assert refusal(written(tmp_path / "a", _EMPTY_ZIP_WITH_A_SIZE)).code == "ambiguous_archive"

    def test_a_damaged_header_in_the_middle_of_a_tar(self, tmp_path: Path, refusal: Refusal) -> None:
        data = bytearray(tar_file(tmp_path / "a.tar", small_corpus()).read_bytes())
        data[1024 + 150] ^= 0xFF  # the checksum of the second header
        assert refusal(written(tmp_path / "a", data)).code == "unreadable_archive"

    def test_a_damaged_gzip_stream(self, tmp_path: Path, refusal: Refusal) -> None:
        data = bytearray(tar_file(tmp_path / "a.tar.gz", small_corpus(), is_gzipped=True).read_bytes())
        data[-6] ^= 0xFF  # the checksum of the stream
        assert refusal(written(tmp_path / "a", data)).code == "unreadable_archive"

    def test_a_tar_header_that_declares_a_huge_name(self, tmp_path: Path, refusal: Refusal) -> None:
        header = tar_header("././@LongLink", kind=tarfile.GNUTYPE_LONGNAME, n_bytes=8 * 2**30)
        data = header.tobuf(tarfile.GNU_FORMAT) + b"\0" * 4 * 2**20
        assert refusal(written(tmp_path / "a", data)).code == "unreadable_archive"

    def test_a_compression_method_that_is_not_taken(self, tmp_path: Path, refusal: Refusal) -> None:
        path = zip_file(tmp_path / "a.zip", small_corpus(), zipfile.ZIP_LZMA)
        assert "compression method 14" in refusal(path).detail


class TestTruncated:
    @pytest.mark.parametrize("share", [0.05, 0.3, 0.6, 0.95, 0.999])
    @pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz", "tar.zst"])
    def test_an_archive_cut_anywhere(self, kind: str, share: float, tmp_path: Path, refusal: Refusal) -> None:
        path = tmp_path / "a"
        files = {"captions.csv": b"image,caption\n"} | {f"{n}.png": image_bytes((n, 0, 0)) for n in range(20)}
        if kind == "zip":
            zip_file(path, files)
        elif kind == "tar.zst":
            tar_zst_file(path, files)
        else:
            tar_file(path, files, is_gzipped=kind == "tar.gz")
        data = path.read_bytes()
        if kind == "tar":  # what follows the end mark is padding, which may be cut
            data = data[: -tarfile.RECORDSIZE] if len(data) > tarfile.RECORDSIZE else data
        error = refusal(written(path, data[: int(len(data) * share)]))
        assert error.code == "truncated_archive"
        assert "cut off" in error.detail

    def test_a_tar_cut_exactly_between_two_members(self, tmp_path: Path, refusal: Refusal) -> None:
        data = tar_file(tmp_path / "a.tar", {"a.txt": b"1", "b.txt": b"2"}).read_bytes()
        assert refusal(written(tmp_path / "a", data[:1024])).code == "truncated_archive"


class TestUnsafePaths:
    @pytest.mark.parametrize(
        "name",
        [
            "../evil.png",
            "images/../../evil.png",
            "/etc/passwd",
            "C:/evil.png",
            "c:evil.png",
            "..\\evil.png",
            "\\\\server\\share\\evil.png",
            "a/" * 40 + "deep.png",
            "n" * 1100,
        ],
    )
    def test_a_name_that_leaves_the_archive(self, name: str, tmp_path: Path, refusal: Refusal) -> None:
        zipped = refusal(zip_file(tmp_path / "a.zip", {name: b"x"}))
        tarred = refusal(tar_file(tmp_path / "a.tar", {name: b"x"}))
        assert (zipped.code, tarred.code) == ("unsafe_path", "unsafe_path")

    def test_a_folder_of_that_kind(self, tmp_path: Path, refusal: Refusal) -> None:
        assert refusal(zip_file(tmp_path / "a.zip", {"../": b""})).code == "unsafe_path"

    def test_a_name_with_a_nul(self, tmp_path: Path, refusal: Refusal) -> None:
        data = zip_file(tmp_path / "a.zip", {"aXb.png": b"x"}).read_bytes()
        assert refusal(written(tmp_path / "a", data.replace(b"aXb.png", b"a\0b.png"))).code == "unsafe_path"


class TestForbiddenMembers:
    def test_a_symbolic_link_in_a_zip(self, tmp_path: Path, refusal: Refusal) -> None:
        error = refusal(zip_with(tmp_path / "a.zip", unix_zip_member("link.png", 0o120777)))
        assert error.code == "link_member"
        assert "link.png" in error.detail

    def test_a_device_in_a_zip(self, tmp_path: Path, refusal: Refusal) -> None:
        assert refusal(zip_with(tmp_path / "a.zip", unix_zip_member("dev", 0o060644))).code == "special_member"

    @pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE])
    def test_a_link_in_a_tar(self, kind: bytes, tmp_path: Path, refusal: Refusal) -> None:
        path = tar_with(tmp_path / "a.tar", tar_header("link", kind=kind, target="/etc/passwd"))
        assert refusal(path).code == "link_member"

    @pytest.mark.parametrize("kind", [tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE])
    def test_a_pipe_or_device_in_a_tar(self, kind: bytes, tmp_path: Path, refusal: Refusal) -> None:
        assert refusal(tar_with(tmp_path / "a.tar", tar_header("special", kind=kind))).code == "special_member"

    def test_the_same_name_twice(self, tmp_path: Path, refusal: Refusal) -> None:
        headers = [tar_header("a.txt"), tar_header("./a.txt")]
        assert refusal(tar_with(tmp_path / "a.tar", *headers)).code == "duplicate_member"

    def test_the_same_name_in_two_spellings_of_unicode(self, tmp_path: Path, refusal: Refusal) -> None:
        path = zip_file(tmp_path / "a.zip", {"caf\u00e9.png": b"1", "cafe\u0301.png": b"2"})
        assert refusal(path).code == "duplicate_member"

    def test_more_members_than_allowed(self, tmp_path: Path, refusal: Refusal, limits: ImportLimits) -> None:
        files = {f"{number}.txt": b"" for number in range(limits.max_archive_members + 1)}
        assert refusal(zip_file(tmp_path / "a.zip", files)).code == "too_many_members"
        assert refusal(tar_file(tmp_path / "a.tar", files)).code == "too_many_members"

    def test_a_zip_directory_that_would_fill_the_memory(self, tmp_path: Path, refusal: Refusal) -> None:
        data = bytearray(zip_file(tmp_path / "a.zip", {"a.txt": b"1"}).read_bytes())
        at = data.rindex(b"PK\x05\x06")
        struct.pack_into("<L", data, at + 12, 0xFFFFFFF0)
        assert refusal(written(tmp_path / "a", data)).code == "too_many_members"

    def test_an_encrypted_member(self, tmp_path: Path, refusal: Refusal) -> None:
        data = bytearray(zip_file(tmp_path / "a.zip", {"a.txt": b"1"}).read_bytes())
        data[data.index(b"PK\x01\x02") + 8] |= 1  # the flag in the central directory
        assert refusal(written(tmp_path / "a", data)).code == "encrypted_member"


class TestBombs:
    def test_a_gzip_stream_is_stopped_while_it_unpacks(self, tmp_path: Path, refusal: Refusal) -> None:
        path = written(tmp_path / "a", gzip.compress(b"\0" * 70 * 2**20, 9))
        assert refusal(path).code == "archive_bomb"

    def test_so_is_a_zstandard_stream(self, tmp_path: Path, refusal: Refusal) -> None:
        path = written(tmp_path / "a", zstd.compress(b"\0" * 70 * 2**20))
        assert refusal(path).code == "archive_bomb"

    def test_a_zstandard_window_larger_than_usual_is_not_allocated(self, tmp_path: Path, refusal: Refusal) -> None:
        frame = b"\x28\xb5\x2f\xfd\x00\xf8" + bytes(20)  # it asks for 2 TiB
        assert refusal(written(tmp_path / "a", frame)).code == "unreadable_archive"

    def test_a_zip_whose_members_unpack_to_too_much(self, tmp_path: Path, refusal: Refusal) -> None:
        files = {f"{number}.png": b"\0" * 4 * 2**20 for number in range(17)}
        assert refusal(zip_file(tmp_path / "a.zip", files)).code == "archive_bomb"


def test_every_refusal_is_told_by_its_code() -> None:
    assert ArchiveRefusedError(RefusalCode.NO_MANIFEST, "why").code == "no_manifest"
