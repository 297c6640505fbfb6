"""Decoys: known mismatches, planted among a corpus's pairs before training, that say how mismatches score."""

import dataclasses
from dataclasses import dataclass
from typing import final

import numpy as np

from crcl_core.data import PairFeatures
from crcl_core.detection.cosines import unit_rows
from crcl_core.seeding import numpy_generator
from crcl_core.types import FloatArray, IntArray

# Below so many there is too little to calibrate on.
MIN_DECOYS = 200
_RATIO = 0.15
# More would cost training for little: with 2,000 the rate of 29,995 pairs was read as 0.405 for 0.400.
_MOST_DECOYS = 2_000
N_NEAR_DECOYS = 200
_N_NEAREST = 10
_NEAR_AT_ONCE = 64
# Images more alike than this are taken for copies of each other, whose captions are no mismatch.
_NEAR_COPY = 0.98
_LEAST_IMAGES = 2 * _N_NEAREST


@final
@dataclass(frozen=True, eq=False)
class PlantedDecoys:
    """A corpus with M decoys behind its N pairs.

    Attributes:
        features: All N + M pairs; the vectors are shared with the corpus.
        n_pairs: N; what lies behind belongs in no output.
        image_pair: (M,) int64, the pair that each decoy has its image from.
        caption_pair: (M,) int64, the pair that it has its caption from.
        are_images: Whether decoys of one image belong together, as the captions of an image do.
        n_near: How many of the decoys, the last ones, are near: see `add_near_decoys`.
    """

    features: PairFeatures
    n_pairs: int
    image_pair: IntArray
    caption_pair: IntArray
    are_images: bool = False
    n_near: int = 0

    @property
    def n_decoys(self) -> int:
        """M."""
        return len(self.image_pair)

    @property
    def n_uniform(self) -> int:
        """How many decoys are drawn uniformly, so that they stand for mismatches: M without the near ones."""
        return self.n_decoys - self.n_near

    def group(self) -> IntArray:
        """(N + M,) int64: pairs of one image have one group; decoys have their own, with `are_images` one an image."""
        image_index, n_images = self.features.image_index, self.features.n_images
        own = image_index[self.n_pairs :] if self.are_images else np.arange(self.n_decoys)
        return np.concatenate((image_index[: self.n_pairs], n_images + own))


def decoy_count(n_pairs: int) -> int:
    """How many decoys suit a corpus: 15 % of its pairs, at most 2,000."""
    return min(round(_RATIO * n_pairs), _MOST_DECOYS)


def plant_decoys(features: PairFeatures, n_decoys: int, seed: int) -> PlantedDecoys:
    """Adds pairs of an image and a caption that belong to different pairs, drawn uniformly.

    They are extra pairs, so the real ones stay as they are, and no pair gives its image or its caption twice. They must
    be trained on like all others: decoys that are only scored afterwards are not exchangeable with real mismatches,
    which a model has seen, and understate the noise rate (0.17, 0.32, 0.43 for 0.20, 0.40, 0.60 on Flickr8k). Planted,
    a decoy and a real mismatch are nearly one to the score: the chance that the decoy scores lower is 0.49 there.

    A draw that would put an image beside a caption it has already is left out, so there may be fewer decoys than asked
    for; none where all captions, or all images, are one.

    Args:
        features: The corpus.
        n_decoys: How many to draw, at most N.
        seed: Of the run.

    Raises:
        ValueError: n_decoys is negative or above the number of pairs.
    """
    _require_count(n_decoys, features.n_pairs)
    random = numpy_generator(seed, "decoys")
    image_pair = random.permutation(features.n_pairs)[:n_decoys]
    caption_pair = random.permutation(features.n_pairs)[:n_decoys]
    return _planted(features, image_pair, caption_pair, are_images=False)


def plant_decoy_images(features: PairFeatures, n_decoys: int, seed: int) -> PlantedDecoys:
    """Adds all captions of one image beside another, so that whole decoy images are wrong, drawn uniformly.

    Where the captions of an image are wrong together, single decoys are not exchangeable with mismatches. No image
    takes or gives captions twice; otherwise as `plant_decoys`.

    Args:
        features: The corpus.
        n_decoys: About how many pairs to add: as few images as reach it.
        seed: Of the run.

    Raises:
        ValueError: As for `plant_decoys`.
    """
    _require_count(n_decoys, features.n_pairs)
    random = numpy_generator(seed, "decoy images")
    by_image = np.argsort(features.image_index, kind="stable")
    images, first, n_captions = np.unique(features.image_index[by_image], return_index=True, return_counts=True)
    takers, givers = random.permutation(len(images)), random.permutation(len(images))
    n_images = int(np.searchsorted(n_captions[givers].cumsum(), n_decoys)) + 1 if n_decoys else 0
    takers, givers = takers[:n_images], givers[:n_images]
    caption_pair = np.concatenate(
        [by_image[first[giver] : first[giver] + n_captions[giver]] for giver in givers] or [by_image[:0]]
    )
    image_pair = np.repeat(by_image[first[takers]], n_captions[givers])
    return _planted(features, image_pair, caption_pair, are_images=True)


def add_near_decoys(planted: PlantedDecoys, n_near: int, seed: int) -> PlantedDecoys:
    """Adds near decoys behind the others: an image with a caption of one of the images that are most like it.

    They are harder to tell than mismatches in general, so they calibrate nothing; how many of them lie below a
    threshold says how many near mismatches it catches. Some of their captions fit by chance, as those of near
    mismatches do. The partner is drawn from the ten nearest images by the encoder's vectors, near-copies left out.

    Args:
        planted: A corpus with its uniform decoys, one vector an image; otherwise nothing is added.
        n_near: How many to draw, at most one an image.
        seed: Of the run.
    """
    features = planted.features
    pairs = features.image_index[: planted.n_pairs]
    if features.n_regions is not None or features.n_images < _LEAST_IMAGES:
        return planted
    random = numpy_generator(seed, "near decoys")
    image_pair = random.permutation(planted.n_pairs)[: min(n_near, features.n_images)]
    partners = _near_images(features.image_features, pairs[image_pair], random)
    by_image = np.argsort(pairs, kind="stable")
    starts = np.searchsorted(pairs[by_image], partners)
    counts = np.searchsorted(pairs[by_image], partners, side="right") - starts
    is_drawn = counts > 0
    image_pair, starts, counts = image_pair[is_drawn], starts[is_drawn], counts[is_drawn]
    caption_pair = by_image[starts + random.integers(0, counts)]
    more = _planted(features, image_pair, caption_pair, are_images=False)
    return dataclasses.replace(
        planted,
        features=more.features,
        image_pair=np.concatenate((planted.image_pair, more.image_pair)),
        caption_pair=np.concatenate((planted.caption_pair, more.caption_pair)),
        n_near=more.n_decoys,
    )


def _near_images(vectors: FloatArray, images: IntArray, random: np.random.Generator) -> IntArray:
    """One of the ten images most like each of these, near-copies left out; -1 where all the nearest are."""
    unit = unit_rows(vectors)
    partners = np.empty(len(images), dtype=np.int64)
    for start in range(0, len(images), _NEAR_AT_ONCE):
        part = slice(start, start + _NEAR_AT_ONCE)
        cosines = unit[images[part]] @ unit.T  # (rows, I)
        cosines[cosines > _NEAR_COPY] = -np.inf
        nearest = np.argpartition(-cosines, _N_NEAREST, axis=1)[:, :_N_NEAREST]
        chosen = nearest[np.arange(len(nearest)), random.integers(0, _N_NEAREST, len(nearest))]
        partners[part] = np.where(np.isneginf(cosines[np.arange(len(nearest)), chosen]), -1, chosen)
    return partners


def _require_count(n_decoys: int, n_pairs: int) -> None:
    if not 0 <= n_decoys <= n_pairs:
        raise ValueError(f"n_decoys is {n_decoys}, expected 0 to the number of pairs, {n_pairs}")


def _planted(
    features: PairFeatures, image_pair: IntArray, caption_pair: IntArray, *, are_images: bool
) -> PlantedDecoys:
    """The corpus with these draws, less those that would be a pair of it again."""
    images, captions = features.image_index[image_pair], features.caption_index[caption_pair]
    is_apart = ~_are_pairs(features, images, captions)
    image_pair, caption_pair = image_pair[is_apart], caption_pair[is_apart]
    planted = dataclasses.replace(
        features,
        image_index=np.concatenate((features.image_index, images[is_apart])),
        caption_index=np.concatenate((features.caption_index, captions[is_apart])),
    )
    return PlantedDecoys(planted, features.n_pairs, image_pair, caption_pair, are_images)


def _are_pairs(
    features: PairFeatures, images: IntArray, captions: IntArray
) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which combinations the corpus holds as pairs."""
    n_captions = max(1, features.n_captions)
    known = features.image_index * n_captions + features.caption_index
    return np.isin(images * n_captions + captions, known)
