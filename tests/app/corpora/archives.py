"""Small archives, and the bytes that are none."""

import gzip
import io
import tarfile
import zipfile


def zip_bytes(n_members: int = 1) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for number in range(n_members):
            archive.writestr(zipfile.ZipInfo(f"{number}.txt"), "x" * 100)  # a ZipInfo of its own date, not of now
    return file.getvalue()


def tar_bytes(tar_format: int = tarfile.PAX_FORMAT) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tar_format) as archive:
        member = tarfile.TarInfo("0.txt")
        member.size = 3
        archive.addfile(member, io.BytesIO(b"abc"))
    return file.getvalue()


def tar_gz_bytes() -> bytes:
    return gzip.compress(tar_bytes())
