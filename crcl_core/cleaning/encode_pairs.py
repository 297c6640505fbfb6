"""Images and captions, as files and text, to the features that training reads."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from crcl_core.data import PairFeatures, normalise_caption
from crcl_core.encoders import ByteArray, Encoder
from crcl_core.types import FloatArray

_IMAGES_A_BATCH = 64


def encode_pairs(images: Sequence[Path | str], captions: Sequence[str], *, encoder: Encoder) -> PairFeatures:
    """Encodes N pairs, each distinct image and caption once.

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
    if len(images) != len(captions):
        raise ValueError(f"there are {len(images)} images and {len(captions)} captions, expected one of each a pair")
    files = [Path(image) for image in images]
    row_of_file, distinct_files = _distinct_files(files)
    row_of_caption: dict[str, int] = {}
    caption_index = [row_of_caption.setdefault(normalise_caption(text), len(row_of_caption)) for text in captions]
    first_pair = np.unique(caption_index, return_index=True)[1]
    return PairFeatures(
        image_features=_encoded_images(distinct_files, encoder),
        caption_features=encoder.encode_captions([captions[pair] for pair in first_pair]),
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


def _encoded_images(files: Sequence[Path], encoder: Encoder) -> FloatArray:
    features = np.empty((len(files), encoder.image_dim), dtype=np.float32)
    for start in range(0, len(files), _IMAGES_A_BATCH):
        block = files[start : start + _IMAGES_A_BATCH]
        features[start : start + len(block)] = encoder.encode_prepared(
            np.stack([_prepared(file, encoder) for file in block])
        )
    return features


def _prepared(file: Path, encoder: Encoder) -> ByteArray:
    try:
        with Image.open(file) as image:
            return encoder.prepare_image(ImageOps.exif_transpose(image).convert("RGB"))
    except UnidentifiedImageError as error:
        raise ValueError(f"{file} is not an image that can be read") from error
