"""Whether pairs like this one say what it says: neighbours, and siblings first among them, as evidence."""

import numpy as np

from crcl_core.detection.cosines import unit_rows
from crcl_core.detection.decoys import PlantedDecoys
from crcl_core.detection.encoder_similarity import global_vectors
from crcl_core.detection.pair_neighbours import PairNeighbours, nearest_pairs
from crcl_core.types import DoubleArray, FloatArray, IntArray

N_NEIGHBOURS = 30
_DISTANCE_DECAY = 0.1
_BLOCK_BYTES = 64 << 20


def neighbour_agreement(
    planted: PlantedDecoys, labels: DoubleArray, *, are_siblings_evidence: bool = True
) -> DoubleArray:
    """Computes how well a pair agrees with the pairs of like images, and with those of like captions.

    With y the labels and d the cosine distance between the encoder's vectors, over the 30 pairs j whose images are
    nearest to i's (siblings first, at distance 0):

        agreement(i) = sum_j y_j exp(-d(image_i, image_j) / 0.1) cos(caption_i, caption_j) / sum_j y_j exp(...)

    and the same with images and captions exchanged. Labels keep a mismatched neighbour from testifying. Decoys testify
    for nobody; a decoy is judged as if it were the pair that it has the image (or the caption) from, without the pair
    that it has the other part from.

    Args:
        planted: The corpus, one vector an image and a caption, and its decoys.
        labels: (N + M,) in [0, 1].
        are_siblings_evidence: Whether pairs of the same image may testify for each other.

    Returns:
        (2, N + M) float64 in [-1, 1], low = bad: by like images, by like captions. 0 where no neighbour is trusted.

    Raises:
        ValueError: The features are no vectors.

    Source: the neighbour terms are LEMoN's (ICML 2025); weighing them by the labels is ours.
    """
    images, captions = global_vectors(planted.features)
    corpus = (images, planted.features.image_index), (captions, planted.features.caption_index)
    origins = planted.image_pair, planted.caption_pair
    trust = labels[: planted.n_pairs]
    sides = []
    for side, other in ((0, 1), (1, 0)):
        (near, near_index), (said, said_index) = corpus[side], corpus[other]
        found = nearest_pairs(near, near_index[: planted.n_pairs], N_NEIGHBOURS)
        pairs = np.concatenate((found.pairs, found.pairs[origins[side]]))
        distances = np.concatenate((found.distances, found.distances[origins[side]]))
        of_decoys = pairs[planted.n_pairs :]
        of_decoys[of_decoys == origins[other][:, None]] = -1
        if not are_siblings_evidence:
            image_index = planted.features.image_index
            pairs[image_index[pairs] == image_index[:, None]] = -1
        sides.append(_agreement(PairNeighbours(pairs, distances), unit_rows(said), said_index, trust))
    return np.stack(sides)


def _agreement(neighbours: PairNeighbours, said: FloatArray, said_index: IntArray, trust: DoubleArray) -> DoubleArray:
    """The trusted mean (N + M,) of the cosines between what a pair and what its neighbours say."""
    agreement = np.zeros(len(said_index))
    n_rows = max(1, _BLOCK_BYTES // max(1, said[:1].nbytes * neighbours.pairs.shape[1]))
    for start in range(0, len(said_index), n_rows):
        part = slice(start, start + n_rows)
        pairs = neighbours.pairs[part]  # (n, k)
        # n pair, k neighbour, d dimension
        cosines = np.matmul(said[said_index[pairs]], said[said_index[part]][:, :, None])[:, :, 0]
        weights = np.where(pairs >= 0, trust[pairs], 0) * np.exp(-neighbours.distances[part] / _DISTANCE_DECAY)
        total = weights.sum(axis=1)
        agreement[part] = np.divide((weights * cosines).sum(axis=1), total, where=total > 0, out=np.zeros(len(total)))
    return agreement
