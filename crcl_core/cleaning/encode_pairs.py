"""Images and captions, as files and text, to the features that training reads."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from crcl_core.data import PairFeatures, Vocabulary, normalise_caption
from crcl_core.encoders import ByteArray, Encoder
from crcl_core.types import EncoderError, FloatArray, IntArray

_IMAGES_A_BATCH = 64


def encode_pairs(images: Sequence[Path | str], captions: Sequence[str], *, encoder: Encoder) -> PairFeatures:
    """Encodes N pairs as vectors, each distinct image and caption once.

    Files with the same bytes are one image, captions that are equal after `normalise_caption` one caption; so several
    captions of an image are known to be siblings.

    Args:
        images: The file of each pair's image; several pairs may name one file.
        captions: The caption of each pair.
        encoder: As `open_encoder` gives it.

    Raises:
        ValueError: The numbers of images and captions differ, or a file is no image; the message names it.
        OSError: A file cannot be read.
    """
    pairs = _distinct(images, captions)
    return PairFeatures(
        image_features=_encoded_images(pairs.files, encoder, encoder.encode_prepared, (encoder.image_dim,)),
        caption_features=encoder.encode_captions(pairs.texts),
        image_index=pairs.image_index,
        caption_index=pairs.caption_index,
    )


def encode_region_pairs(
    images: Sequence[Path | str],
    captions: Sequence[str],
    *,
    encoder: Encoder,
    vocabulary: Vocabulary,
    n_grid_regions: int = 9,
) -> PairFeatures:
    """Encodes N pairs as regions and words, for the models that read these; otherwise as `encode_pairs`.

    Args:
        images: The file of each pair's image.
        captions: The caption of each pair.
        encoder: One that gives regions.
        vocabulary: Gives the words their ids.
        n_grid_regions: Regions beside the global one; a square number.

    Raises:
        ValueError: As `encode_pairs`, or the encoder's map cannot be divided into so many regions.
        EncoderError: The encoder gives no regions.
    """
    pairs = _distinct(images, captions)
    if encoder.region_dim is None:
        raise EncoderError(f"encoder {encoder.name!r} gives no regions, only one vector an image")
    shape = (n_grid_regions + 1, encoder.region_dim)
    return PairFeatures(
        image_features=_encoded_images(
            pairs.files, encoder, lambda batch: encoder.encode_prepared_regions(batch, n_grid_regions), shape
        ),
        caption_features=vocabulary.encode(pairs.texts),
        image_index=pairs.image_index,
        caption_index=pairs.caption_index,
        vocabulary_size=len(vocabulary),
    )


@dataclass(frozen=True, eq=False)
class _DistinctPairs:
    files: list[Path]
    texts: list[str]
    image_index: IntArray
    caption_index: IntArray


def _distinct(images: Sequence[Path | str], captions: Sequence[str]) -> _DistinctPairs:
    if len(images) != len(captions):
        raise ValueError(f"there are {len(images)} images and {len(captions)} captions, expected one of each a pair")
    files = [Path(image) for image in images]
    row_of_file, distinct_files = _distinct_files(files)
    row_of_caption: dict[str, int] = {}
    caption_index = [row_of_caption.setdefault(normalise_caption(text), len(row_of_caption)) for text in captions]
    first_pair = np.unique(caption_index, return_index=True)[1]
    return _DistinctPairs(
        files=distinct_files,
        texts=[captions[pair] for pair in first_pair],
        image_index=np.array([row_of_file[file] for file in files], dtype=np.int64),
        caption_index=np.array(caption_index, dtype=np.int64),
    )


def _distinct_files(files: Sequence[Path]) -> tuple[dict[Path, int], list[Path]]:
    row_of_content: dict[bytes, int] = {}
    row_of_file: dict[Path, int] = {}
    distinct: list[Path] = []
    for file in dict.fromkeys(files):
        with file.open("rb") as opened:
            digest = hashlib.file_digest(opened, "sha256").digest()
        if digest not in row_of_content:
            row_of_content[digest] = len(distinct)
            distinct.append(file)
        row_of_file[file] = row_of_content[digest]
    return row_of_file, distinct


def _encoded_images(
    files: Sequence[Path], encoder: Encoder, encode: Callable[[ByteArray], FloatArray], shape: tuple[int, ...]
) -> FloatArray:
    features = np.empty((len(files), *shape), dtype=np.float32)
    for start in range(0, len(files), _IMAGES_A_BATCH):
        block = files[start : start + _IMAGES_A_BATCH]
        features[start : start + len(block)] = encode(np.stack([_prepared(file, encoder) for file in block]))
    return features


def _prepared(file: Path, encoder: Encoder) -> ByteArray:
    try:
        with Image.open(file) as image:
            return encoder.prepare_image(ImageOps.exif_transpose(image).convert("RGB"))
    except UnidentifiedImageError as error:
        raise ValueError(f"{file} is not an image that can be read") from error
