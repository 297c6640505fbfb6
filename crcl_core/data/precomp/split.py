"""One split of a precomp folder, read and verified."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np

from crcl_core.data.captions import normalise_caption
from crcl_core.data.noise import NoisyCorrespondence
from crcl_core.data.noise_index import NoiseIndexKind, load_noise_index, save_caption_to_image
from crcl_core.data.npy_files import NumberMap, map_npy
from crcl_core.data.pair_features import PairFeatures
from crcl_core.data.precomp.rows import first_equal_rows, n_repeats, require_ids_agree, rows_of_captions
from crcl_core.data.precomp.text import read_captions, read_ids
from crcl_core.data.vocabulary import Vocabulary
from crcl_core.types import FloatArray, IntArray


@final
@dataclass(frozen=True, eq=False)
class PrecompSplit:
    """N pairs of a caption and an image, features left on disk.

    Attributes:
        image_features: (I, R, D) float32 regions, or (I, D) vectors; a memory map. Where the file repeats each image
            for each of its captions, every repetition but the first is left out.
        captions: N texts, without white space around them.
        image_index: (N,) int64, the image of each caption: rows of `image_features`. Rows with equal features count as
            one image, the first of them.
        image_ids: I ids as the file has them; None without ids of images.
        row_index: (N,) int64, the row of each caption in the feature file, which is what noise index files count.
        image_of_row: int64, for each row of the feature file the image that it is.
    """

    image_features: FloatArray
    captions: tuple[str, ...]
    image_index: IntArray
    image_ids: tuple[str, ...] | None
    row_index: IntArray
    image_of_row: IntArray

    @property
    def n_pairs(self) -> int:
        """N."""
        return len(self.captions)

    def pair_features(self, vocabulary: Vocabulary, *, max_tokens: int = 80) -> PairFeatures:
        """Pairs the regions with the captions' words.

        Args:
            vocabulary: Of the model to be trained or loaded.
            max_tokens: Longer captions are cut, see `Vocabulary.encode`.

        Returns:
            Regions and tokens; captions that are equal but for case, punctuation and spacing share a row, which has the
            words of the first of them.
        """
        row_of_text: dict[str, int] = {}
        distinct: list[str] = []
        caption_index = np.empty(self.n_pairs, dtype=np.int64)
        for pair, caption in enumerate(self.captions):
            row = row_of_text.setdefault(normalise_caption(caption), len(distinct))
            if row == len(distinct):
                distinct.append(caption)
            caption_index[pair] = row
        return PairFeatures(
            image_features=self.image_features,
            caption_features=vocabulary.encode(distinct, max_tokens=max_tokens),
            image_index=self.image_index,
            caption_index=caption_index,
            vocabulary_size=len(vocabulary),
        )

    def load_noise(self, path: Path, *, kind: NoiseIndexKind | None = None) -> NoisyCorrespondence:
        """Reads a noise index file made for this split, see `load_noise_index`.

        Returns:
            The pairs, by rows of `image_features`; another row with the same features is no mismatch.

        Raises:
            FileNotFoundError: There is no such file.
            ValueError: The file does not fit this split.
        """
        by_row = load_noise_index(path, self.row_index, len(self.image_of_row), kind=kind)
        return NoisyCorrespondence.of(self.image_of_row[by_row.image_index], self.image_index)

    def save_noise(self, path: Path, noisy: NoisyCorrespondence) -> None:
        """Writes the pairs in NCR's format, by rows of the feature file: `load_noise` and the official codes read it.

        Args:
            path: Where to write; an existing file is replaced.
            noisy: The pairs, by rows of `image_features`.
        """
        save_caption_to_image(path, NoisyCorrespondence.of(self.feature_rows(noisy.image_index), self.row_index))

    def feature_rows(self, image_index: IntArray) -> IntArray:
        """(N,) the row of the feature file for each caption: its own, or the first of the image that it was given."""
        images, first_rows = np.unique(self.image_of_row, return_index=True)
        given = first_rows[np.searchsorted(images, image_index)]
        return np.where(image_index == self.image_index, self.row_index, given)


def read_precomp(folder: Path, split: str) -> PrecompSplit:
    """Reads one split of a precomp folder and verifies how its captions belong to its images.

    Files: `{split}_ims.npy`, `{split}_caps.txt` (a caption a line) or cc152k's `{split}_caps.tsv` (the caption in the
    second column), and optionally `{split}_ids.txt`. As many rows as captions are one image a caption, or images
    repeated for each of their captions: their features tell, and ids must not contradict. Fewer rows than captions:
    where the ids give each caption its image, those decide; else each image has as many captions as the next.

    Memory is bounded by captions and indices. Of the features the beginning of each row is read, and rows whose
    beginnings are equal are read whole.

    Args:
        folder: For example `data/f30k_precomp`.
        split: "train", "dev", "test" or "testall", as in the files' names.

    Raises:
        FileNotFoundError: The features or the captions are missing.
        ValueError: A file is not what it should be, or images, captions and ids do not fit each other; the message
            names the counts.
    """
    path = folder / f"{split}_ims.npy"
    features = _open_features(path)
    captions, ids = read_captions(folder, split), read_ids(folder, split)
    row_index = rows_of_captions(len(features), len(captions), ids, path)
    first_rows = first_equal_rows(features, path)
    stride = n_repeats(first_rows)
    image_of_row = first_rows // stride
    return PrecompSplit(
        image_features=features[::stride],
        captions=captions,
        image_index=image_of_row[row_index],
        image_ids=None if ids is None else _image_ids(ids, row_index, image_of_row, stride, path),
        row_index=row_index,
        image_of_row=image_of_row,
    )


def _open_features(path: Path) -> NumberMap:
    features = map_npy(path)
    is_row_major = features.flags.c_contiguous
    if features.dtype != np.float32 or features.ndim not in {2, 3} or not is_row_major:
        found = f"{'row' if is_row_major else 'column'}-major {features.dtype} {features.shape}"
        raise ValueError(f"{path} holds {found}, expected row-major float32 (I, R, D) or (I, D)")
    if not features.size:
        raise ValueError(f"{path} has the shape {features.shape}, expected at least one image with features")
    return features


def _image_ids(
    ids: Sequence[str], row_index: IntArray, image_of_row: IntArray, stride: int, path: Path
) -> tuple[str, ...] | None:
    n_rows, n_captions = len(image_of_row), len(row_index)
    if len(ids) == n_rows:
        require_ids_agree(ids, image_of_row, path)
        return tuple(ids[::stride])
    if len(ids) == n_captions:
        of_images = tuple(dict.fromkeys(ids))
        return of_images[::stride] if len(of_images) == n_rows else None
    if n_rows == n_captions and len(ids) * stride == n_rows:
        return tuple(ids)
    counts = f"{n_rows} rows ({n_rows // stride} without repetitions) for {n_captions} captions and {len(ids)} ids"
    raise ValueError(f"{path} has {counts}, expected an id for each row, image or caption")
