"""The best captions of each image, where it has many."""

from dataclasses import dataclass
from typing import final

import numpy as np

from crcl_core.data import PairFeatures
from crcl_core.detection import HeldOutEmbeddings
from crcl_core.repair.held_out_scores import HeldOutScores
from crcl_core.repair.sibling_consensus import SiblingConsensus
from crcl_core.types import DoubleArray, FloatArray, IntArray

_TEMPERATURE = 0.05
# Beside the held-out score, as the search for images weighs them.
_CONSENSUS_WEIGHT = 0.3
_BLOCK_ROWS = 1_024


@final
@dataclass(frozen=True, eq=False)
class CaptionRanking:
    """Where each of N captions stands among those of its image.

    Attributes:
        place: (N,) int64, 1 = the best; equals in the order of the corpus.
        score: (N,) float64, what orders them, in nats; of captions of one image only.
    """

    place: IntArray
    score: DoubleArray

    def best(self, n: int) -> IntArray:
        """The pairs whose caption is one of the n best of its image."""
        return np.flatnonzero(self.place <= n)


def rank_captions(
    features: PairFeatures, held_out: HeldOutEmbeddings, correspondence: FloatArray, *, seed: int
) -> CaptionRanking:
    """Ranks the captions of each image by what models that did not see the pair say, and by its other captions.

    The score is the held-out score and, weighed less, the mean cosine to the other captions of the image, each as heavy
    as its correspondence. No caption vouches for itself.

    Args:
        features: The corpus.
        held_out: Its embeddings by models that each did not see a fold.
        correspondence: (N,) float32 in [0, 1].
        seed: Of the run.
    """
    n_pairs = features.n_pairs
    rows = np.arange(n_pairs, dtype=np.int64)
    score = HeldOutScores(features, held_out, seed=seed).of_rows(rows, rows) if n_pairs else np.empty(0)
    consensus = SiblingConsensus(features, correspondence, np.zeros(n_pairs, dtype=np.bool_))
    for model in range(held_out.n_folds):
        of_model = np.flatnonzero(held_out.fold == model)
        of_model = of_model[np.argsort(features.image_index[of_model], kind="stable")]
        for start in range(0, len(of_model), _BLOCK_ROWS):
            part = of_model[start : start + _BLOCK_ROWS]
            score[part] += _CONSENSUS_WEIGHT * _own_consensus(features, held_out.captions[model], consensus, part)
    order = np.lexsort((-score, features.image_index))
    counts = np.bincount(features.image_index, minlength=features.n_images)
    place = np.empty(n_pairs, dtype=np.int64)
    starts = np.repeat(np.cumsum(counts) - counts, counts)
    place[order] = np.arange(n_pairs) - starts + 1
    return CaptionRanking(place, score)


def _own_consensus(
    features: PairFeatures, captions: FloatArray, consensus: SiblingConsensus, rows: IntArray
) -> DoubleArray:
    """Each caption's mean cosine to the others of its image, over the temperature; 0 where there are none."""
    images, column = np.unique(features.image_index[rows], return_inverse=True)
    vectors = np.asarray(captions[features.caption_index[rows]], dtype=np.float32)
    table = consensus.block(rows, vectors, images, consensus.of_images(images, captions))
    own: DoubleArray = np.nan_to_num(table[np.arange(len(rows)), column].astype(np.float64) / _TEMPERATURE)
    return own
