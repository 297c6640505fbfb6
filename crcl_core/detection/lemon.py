"""LEMoN: finds mismatched pairs by comparing each with its neighbours in both modalities."""

from dataclasses import dataclass
from typing import final

import numpy as np

from crcl_core.data import PairFeatures
from crcl_core.detection.cosines import pair_cosines, unit_rows
from crcl_core.detection.encoder_similarity import global_vectors
from crcl_core.detection.pair_neighbours import PairNeighbours, nearest_pairs
from crcl_core.types import DoubleArray, FloatArray, IntArray

_BLOCK_BYTES = 64 << 20


@final
@dataclass(frozen=True, eq=False)
class LemonTerms:
    """What LEMoN knows of N pairs, each (N,) float64, 0 or more and high = bad.

    Attributes:
        pair_distance: d_mm, from the image to the caption in a joint space.
        of_image_neighbours: s_n, how far the captions of images like this one are from its caption.
        of_caption_neighbours: s_m, how far the images of captions like this one are from its image.
    """

    pair_distance: DoubleArray
    of_image_neighbours: DoubleArray
    of_caption_neighbours: DoubleArray

    def score(self, *, beta: float = 5.0, gamma: float = 5.0) -> DoubleArray:
        """Weighs the terms: (N,) float64 in (0, 1], low = bad: 1 / (1 + d_mm + beta s_n + gamma s_m)."""
        weighed = self.pair_distance + beta * self.of_image_neighbours + gamma * self.of_caption_neighbours
        return 1 / (1 + weighed)


def lemon_score(features: PairFeatures, image_embeddings: FloatArray, caption_embeddings: FloatArray) -> DoubleArray:
    """Scores each pair by LEMoN in the setting that its authors fix where no labels exist; see `lemon_terms`.

    Returns:
        (N,) float64 in (0, 1], low = bad.
    """
    return lemon_terms(features, image_embeddings, caption_embeddings).score()


def lemon_terms(
    features: PairFeatures,
    image_embeddings: FloatArray,
    caption_embeddings: FloatArray,
    *,
    k: int = 30,
    distance_decay: float = 0.1,
    mismatch_decay: float = 5.0,
) -> LemonTerms:
    """Computes LEMoN's three terms. With d the cosine distance, over the k pairs j whose images are nearest to i's:

        s_n(i) = mean_j d(caption_i, caption_j) exp(-tau1 d(image_i, image_j)) exp(-tau2 d_mm(j))

    s_m is the same with images and captions exchanged. Neighbours, and distances within a modality, are those of the
    raw vectors; d_mm needs a joint space, which may be a trained one. A pair is no neighbour of itself; its siblings,
    pairs of the same image or of the same caption, are, at distance 0. A pair without neighbours has s_n = s_m = 0.

    Args:
        features: The corpus; its vectors give the neighbours.
        image_embeddings: (I, J) float32, the images in the joint space; any length.
        caption_embeddings: (C, J) float32, the captions in it.
        k: How many neighbours.
        distance_decay: tau1.
        mismatch_decay: tau2.

    Raises:
        ValueError: The features are no vectors, or the embeddings do not fit them or each other.

    Source: Zhang et al., "LEMoN: Label Error Detection using Multimodal Neighbors" (ICML 2025).
    """
    images, captions = global_vectors(features)
    _require_fitting(features, image_embeddings, caption_embeddings)
    pair_distance = 1 - pair_cosines(
        unit_rows(image_embeddings), unit_rows(caption_embeddings), features.image_index, features.caption_index
    )
    trust = np.exp(-mismatch_decay * pair_distance)  # (N,)
    by_image = nearest_pairs(images, features.image_index, k)
    by_caption = nearest_pairs(captions, features.caption_index, k)
    return LemonTerms(
        pair_distance=pair_distance,
        of_image_neighbours=_disagreement(by_image, captions, features.caption_index, trust, distance_decay),
        of_caption_neighbours=_disagreement(by_caption, images, features.image_index, trust, distance_decay),
    )


def _disagreement(
    neighbours: PairNeighbours, vectors: FloatArray, index: IntArray, trust: DoubleArray, distance_decay: float
) -> DoubleArray:
    """Mean weighted distance (N,) from each pair to its neighbours in the other modality, whose vectors these are."""
    unit = unit_rows(vectors)
    disagreement = np.zeros(len(index))
    n_rows = max(1, _BLOCK_BYTES // max(1, unit[:1].nbytes * neighbours.pairs.shape[1]))
    for start in range(0, len(index), n_rows):
        part = slice(start, start + n_rows)
        pairs = neighbours.pairs[part]  # (n, k)
        # n pair, k neighbour, d dimension
        cosines = np.matmul(unit[index[pairs]], unit[index[part]][:, :, None])[:, :, 0]
        weights = np.exp(-distance_decay * neighbours.distances[part]) * trust[pairs]
        is_there = pairs >= 0
        terms = np.where(is_there, (1 - cosines).clip(min=0) * weights, 0)
        disagreement[part] = terms.sum(axis=1) / is_there.sum(axis=1).clip(min=1)
    return disagreement


def _require_fitting(features: PairFeatures, images: FloatArray, captions: FloatArray) -> None:
    expected = (features.n_images, features.n_captions)
    if images.ndim != 2 or images.shape[1:] != captions.shape[1:] or (len(images), len(captions)) != expected:
        raise ValueError(
            f"embeddings have shapes {images.shape} and {captions.shape}, "
            f"expected ({expected[0]}, width) and ({expected[1]}, width)"
        )
