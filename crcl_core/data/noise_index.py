"""Noise index files: which image each caption was given, as NCR, CRCL and DECL save and reuse it."""

from enum import StrEnum
from pathlib import Path

import numpy as np
import numpy.typing as npt

from crcl_core.data.noise import NoisyCorrespondence
from crcl_core.data.npy_files import map_npy
from crcl_core.types import IntArray


class NoiseIndexKind(StrEnum):
    """What the numbers of a noise index file are.

    CAPTION_TO_IMAGE: int[N], the image that each caption is paired with (NCR, MSCN, BiCro, CRCL). IMAGE_PERMUTATION:
    int[I], the image that the captions of each image are paired with (DECL, RCL, L2RM, GSC).
    """

    CAPTION_TO_IMAGE = "caption_to_image"
    IMAGE_PERMUTATION = "image_permutation"


def load_noise_index(
    path: Path, image_index: IntArray, n_images: int, *, kind: NoiseIndexKind | None = None
) -> NoisyCorrespondence:
    """Reads a noise index file of either format and applies it to a corpus.

    Args:
        path: A `.npy` file of integers.
        image_index: (N,) int64, the true image of each caption.
        n_images: I, images in the feature file, which the file's numbers count from 0.
        kind: The format; None = by length. Where there are as many captions as images, a file that is no permutation
            is caption to image, and if the captions are in the order of the images both mean the same.

    Returns:
        The pairs as the file has them, and which of them mismatch.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: The file is not a list of integers, its length fits neither format (or both, and they differ), a
            number is no image, or a permutation leaves an image out.
    """
    true_index = np.asarray(image_index, dtype=np.int64)
    index = _integers(path)
    if kind is None:
        kind = _kind_of(path, index, true_index, n_images)
    n_expected = {NoiseIndexKind.CAPTION_TO_IMAGE: len(true_index), NoiseIndexKind.IMAGE_PERMUTATION: n_images}[kind]
    if len(index) != n_expected:
        raise ValueError(f"{path} holds {len(index)} numbers, expected {n_expected} as {kind}")
    if len(index) and not (index.min() >= 0 and index.max() < n_images):
        raise ValueError(f"{path} spans {index.min()} to {index.max()}, expected images 0 to {n_images - 1}")
    if kind is NoiseIndexKind.CAPTION_TO_IMAGE:
        return NoisyCorrespondence.of(index, true_index)
    if not _is_permutation(index):
        missing = int(np.flatnonzero(np.bincount(index, minlength=n_images) == 0)[0])
        raise ValueError(f"{path} leaves out image {missing}, expected a permutation of {n_images} images")
    return NoisyCorrespondence.of(index[true_index], true_index)


def save_caption_to_image(path: Path, noisy: NoisyCorrespondence) -> None:
    """Writes int64[N], the image of each caption: the format of NCR and CRCL, which holds any noise but word swaps."""
    _save(path, noisy.image_index)


def save_image_permutation(path: Path, noisy: NoisyCorrespondence, image_index: IntArray, n_images: int) -> None:
    """Writes int64[I], the image that the captions of each image got: the format of DECL.

    Args:
        path: Where to write; an existing file is replaced.
        noisy: The pairs after the noise.
        image_index: (N,) int64, the true image of each caption.
        n_images: I; images without a caption keep their place.

    Raises:
        ValueError: The captions of an image were given different images, or two images' captions the same one: then
            the noise is not a permutation of images and this format cannot hold it.
    """
    true_index = np.asarray(image_index, dtype=np.int64)
    permutation = np.arange(n_images)
    permutation[true_index] = noisy.image_index
    if not np.array_equal(permutation[true_index], noisy.image_index):
        pair = int(np.flatnonzero(permutation[true_index] != noisy.image_index)[0])
        raise ValueError(f"captions of image {true_index[pair]} were given different images, expected one for all")
    if not _is_permutation(permutation):
        twice = int(np.bincount(permutation).argmax())
        raise ValueError(f"the captions of two images were given image {twice}, expected a permutation of the images")
    _save(path, permutation)


def _save(path: Path, index: IntArray) -> None:
    # Through a file of our own: given a path, NumPy would append ".npy" to it where it is missing.
    with path.open("wb") as file:
        np.save(file, np.ascontiguousarray(index, dtype=np.int64), allow_pickle=False)


def _integers(path: Path) -> IntArray:
    array: npt.NDArray[np.generic] = map_npy(path)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise ValueError(f"{path} holds {array.dtype} with {array.ndim} axes, expected integers with 1 axis")
    if array.dtype == np.uint64 and len(array) and int(array.max()) > np.iinfo(np.int64).max:
        raise ValueError(f"{path} holds {array.max()}, which is no position of an image")
    return np.array(array, dtype=np.int64)


def _kind_of(path: Path, index: IntArray, true_index: IntArray, n_images: int) -> NoiseIndexKind:
    fits_captions, fits_images = len(index) == len(true_index), len(index) == n_images
    if not fits_captions and not fits_images:
        expected = f"{len(true_index)} (an image for each caption) or {n_images} (a permutation of the images)"
        raise ValueError(f"{path} holds {len(index)} numbers, expected {expected}")
    if not fits_captions:
        return NoiseIndexKind.IMAGE_PERMUTATION
    means_the_same = np.array_equal(true_index, np.arange(len(true_index)))
    if fits_images and not means_the_same and _is_permutation(index):
        kinds = " or ".join(NoiseIndexKind)
        raise ValueError(f"{path} fits captions and images, {len(index)} each; expected its kind to be given: {kinds}")
    return NoiseIndexKind.CAPTION_TO_IMAGE


def _is_permutation(index: IntArray) -> bool:
    return np.array_equal(np.sort(index), np.arange(len(index)))
