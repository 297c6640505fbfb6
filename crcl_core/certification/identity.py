"""Hashes of what a certificate was computed from, and facts of what computed it."""

import hashlib
import platform
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import final

import numpy as np
import torch

import crcl_core
from crcl_core.data import PairFeatures
from crcl_core.types import FloatArray, IntArray


@final
@dataclass(frozen=True)
class DataIdentity:
    """The data, by number and by SHA-256 in hex.

    Attributes:
        features_sha256: Of the vectors and of which of them form pairs, see `PairFeatures.fingerprint`.
        pairs_sha256: Of the image and the caption of each pair alone.
        correspondence_sha256: Of the correspondence of each pair, as float32.
    """

    n_pairs: int
    n_images: int
    n_captions: int
    features_sha256: str
    pairs_sha256: str
    correspondence_sha256: str

    @classmethod
    def of(cls, features: PairFeatures, correspondence: FloatArray) -> "DataIdentity":
        """Hashes a corpus, reading its features once.

        Raises:
            ValueError: A vector is not finite.
        """
        return cls(
            n_pairs=features.n_pairs,
            n_images=features.n_images,
            n_captions=features.n_captions,
            features_sha256=features.fingerprint(),
            pairs_sha256=sha256_of(features.image_index, features.caption_index),
            correspondence_sha256=sha256_of(correspondence),
        )


@final
@dataclass(frozen=True)
class Environment:
    """Code and machine.

    Attributes:
        code_sha256: Of every Python file of `crcl_core`.
        config_sha256: Of the certificate's settings, recipe, seeds and threshold.
        mispair_version: Of the package; `unknown` where it is not installed.
    """

    code_sha256: str
    config_sha256: str
    mispair_version: str
    torch_version: str
    numpy_version: str
    python_version: str
    platform: str
    device: str
    n_threads: int

    @classmethod
    def here(cls, *, config_sha256: str, device: torch.device) -> "Environment":
        """Describes this process."""
        is_cuda = device.type == "cuda"
        return cls(
            code_sha256=code_sha256(),
            config_sha256=config_sha256,
            mispair_version=_mispair_version(),
            torch_version=torch.__version__,
            numpy_version=np.__version__,
            python_version=platform.python_version(),
            platform=f"{platform.system()} {platform.machine()}",
            device=torch.cuda.get_device_name(device) if is_cuda else device.type,
            n_threads=torch.get_num_threads(),
        )


def sha256_of(*arrays: IntArray | FloatArray) -> str:
    """SHA-256 of arrays with their dtypes and shapes, as hex."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype.str} {array.shape}\n".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def code_sha256() -> str:
    """SHA-256 of the names and contents of this library's Python files, as hex."""
    root = Path(crcl_core.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(root).as_posix()} {len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()


def _mispair_version() -> str:
    try:
        return version("mispair")
    except PackageNotFoundError:
        return "unknown"
