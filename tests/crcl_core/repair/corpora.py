"""Corpora whose truth is known, as models that saw none of it would embed them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from crcl_core.data import PairFeatures
from crcl_core.detection import HeldOutEmbeddings
from crcl_core.types import BoolArray, DoubleArray, FloatArray, IntArray

N_FOLDS = 3
DIM = 48


@dataclass(frozen=True, eq=False)
class JudgedCorpus:
    """Pairs, the captions that their images should have, and what a detection said of them.

    Attributes:
        own: (N,) int64, the pair whose caption belongs to each pair's image.
    """

    features: PairFeatures
    held_out: HeldOutEmbeddings
    correspondence: FloatArray
    own: IntArray

    @property
    def is_flagged(self) -> BoolArray:
        return self.correspondence < 0.5


def judged_corpus(own: Sequence[int] | IntArray, *, seed: int = 0, captions_per_image: int = 1) -> JudgedCorpus:
    """A corpus of which pair p shows what the caption of pair `own[p]` says, perfectly detected.

    Args:
        own: A permutation of the pairs. With several captions an image it must keep each image's pairs together.
        captions_per_image: So many pairs in a row have one image.
    """
    permutation = np.asarray(own, dtype=np.int64)
    random = np.random.default_rng(seed)
    n_pairs = len(permutation)
    n_images = -(-n_pairs // captions_per_image)
    image_index = np.arange(n_pairs) // captions_per_image
    topics = _unit(random.normal(size=(n_images, DIM)))
    # Caption q tells of the image that should have it.
    topic_of_caption = np.empty(n_pairs, dtype=np.int64)
    topic_of_caption[permutation] = image_index
    images = np.stack([_near(topics, random) for _ in range(N_FOLDS)])
    captions = np.stack([_near(topics[topic_of_caption], random) for _ in range(N_FOLDS)])
    is_right = topic_of_caption == image_index
    return JudgedCorpus(
        features=PairFeatures(images[0], captions[0], image_index, np.arange(n_pairs)),
        held_out=HeldOutEmbeddings(images, captions, random.permutation(n_pairs) % N_FOLDS),
        correspondence=np.where(is_right, 0.97, 0.03).astype(np.float32),
        own=permutation,
    )


def with_noise(n_pairs: int, ratio: float, *, seed: int = 0) -> IntArray:
    """A permutation that moves a random share of the pairs."""
    random = np.random.default_rng(seed)
    own = np.arange(n_pairs)
    chosen = random.permutation(n_pairs)[: round(ratio * n_pairs)]
    own[chosen] = np.roll(chosen, 1)
    return own


def _near(vectors: FloatArray, random: np.random.Generator) -> FloatArray:
    return _unit(vectors + 0.1 * random.normal(size=vectors.shape))


def _unit(vectors: DoubleArray) -> FloatArray:
    unit: FloatArray = (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)
    return unit
