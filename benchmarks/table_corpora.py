"""The train and dev split that the tables are made of, as vectors and as regions and words, and the planted noise."""

import dataclasses
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from archive_vectors import ArchiveRegions, encode_archive, encode_archive_regions
from table_cells import Cell

from crcl_core.data import PairFeatures, Vocabulary, caption_level_noise
from crcl_core.data.noise import NoisyCorrespondence, image_level_noise, near_noise, shifted_block_noise
from crcl_core.encoders import Encoder, load_encoder
from crcl_core.types import BoolArray

FIRST_NOISE_SEED = 1234
_N_GRID_REGIONS = 9
_MIN_WORD_COUNT = 4


@dataclass(frozen=True)
class TableCorpora:
    """Where the splits are; features are made when first asked for and kept in the cache.

    Attributes:
        train: zip of the train split.
        dev: zip of the dev split.
        cache: folder of features.
        threads: of the encoder.
    """

    train: Path
    dev: Path
    cache: Path
    threads: int

    def noisy_train(self, cell: Cell) -> tuple[PairFeatures, BoolArray]:
        """The train split with the cell's noise, and which pairs mismatch."""
        clean = self._features(self.train, cell)
        if cell.captions_per_image == 1:
            _, first = np.unique(clean.image_index, return_index=True)
            clean = clean.subset(np.sort(first))
        noisy = self._planted(clean, cell)
        return dataclasses.replace(clean, image_index=noisy.image_index), noisy.is_mismatch

    def clean_dev(self, cell: Cell) -> PairFeatures:
        """The dev split with all its captions, as the cell's model reads it."""
        return self._features(self.dev, cell)

    @cached_property
    def vocabulary(self) -> Vocabulary:
        """The words of the train split."""
        return Vocabulary.from_captions(self._regions(self.train).captions, min_count=_MIN_WORD_COUNT)

    @cached_property
    def _encoder(self) -> Encoder:
        return load_encoder("offline", {"offline": "offline"}, cache_dir=self.cache, threads=self.threads)

    def _features(self, archive: Path, cell: Cell) -> PairFeatures:
        if cell.model == "heads":
            return encode_archive(archive, self._encoder, self.cache)
        return self._regions(archive).pair_features(self.vocabulary)

    def _regions(self, archive: Path) -> ArchiveRegions:
        return encode_archive_regions(archive, self._encoder, self.cache, n_grid_regions=_N_GRID_REGIONS)

    def _planted(self, clean: PairFeatures, cell: Cell) -> NoisyCorrespondence:
        seed = FIRST_NOISE_SEED + cell.seed
        if cell.protocol == "image_level":
            return image_level_noise(clean.image_index, cell.ratio, seed)
        if cell.protocol == "near":
            return near_noise(clean.image_index, clean.image_features, cell.ratio, seed)
        if cell.protocol == "shifted_block":
            return shifted_block_noise(clean.image_index, cell.ratio, seed)
        return caption_level_noise(clean.image_index, cell.ratio, seed)
