"""Small archives with real images, sound and unsound."""

import io
import tarfile
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from backports import zstd
from PIL import Image

Colour = tuple[int, int, int]


def image_bytes(colour: Colour = (200, 30, 30), *, side_px: int = 8, image_format: str = "PNG") -> bytes:
    """A picture of one colour."""
    file = io.BytesIO()
    Image.new("RGB", (side_px, side_px), colour).save(file, image_format)
    return file.getvalue()


def zip_file(path: Path, files: Mapping[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> Path:
    """A zip with these members."""
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


def tar_file(path: Path, files: Mapping[str, bytes], *, is_gzipped: bool = False) -> Path:
    """A tar with these members."""
    with tarfile.open(path, "w:gz" if is_gzipped else "w") as archive:
        for name, data in files.items():
            archive.addfile(tar_header(name, n_bytes=len(data)), io.BytesIO(data))
    return path


def tar_zst_file(path: Path, files: Mapping[str, bytes]) -> Path:
    """A tar with these members, compressed with Zstandard."""
    tar_file(path, files)
    path.write_bytes(zstd.compress(path.read_bytes()))
    return path


def parquet_bytes(columns: Mapping[str, Sequence[object]]) -> bytes:
    """A parquet file with these columns."""
    file = io.BytesIO()
    pq.write_table(pa.table({name: list(values) for name, values in columns.items()}), file)
    return file.getvalue()


def tar_header(name: str, *, kind: bytes = tarfile.REGTYPE, target: str = "", n_bytes: int = 0) -> tarfile.TarInfo:
    """One header of a tar."""
    header = tarfile.TarInfo(name)
    header.type, header.linkname, header.size = kind, target, n_bytes
    return header


def small_corpus() -> dict[str, bytes]:
    """Three images with four captions, all of them sound."""
    return {
        "captions.csv": b"image,caption\na.png,a red square\na.png,something red\nb.png,a green square\nc.png,blue\n",
        "a.png": image_bytes((200, 30, 30)),
        "b.png": image_bytes((30, 200, 30)),
        "c.png": image_bytes((30, 30, 200)),
    }
