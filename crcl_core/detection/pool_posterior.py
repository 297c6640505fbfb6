"""How likely a pair is against a fixed pool of the corpus: a posterior that no batch size or dropout moves."""

import numpy as np
import torch

from crcl_core.data import PairFeatures
from crcl_core.types import DoubleArray, FloatArray, IntArray

# A posterior depends on how many candidates it is taken among; this is the paper's batch, so it reads like the labels.
N_CANDIDATES = 128
_BLOCK_ELEMENTS = 4 << 20


def log_posteriors(
    images: FloatArray,
    captions: FloatArray,
    features: PairFeatures,
    pairs: IntArray,
    pool: IntArray,
    *,
    temperature: float,
) -> DoubleArray:
    """Computes the logarithm of each pair's matching probability among the captions, and among the images, of a pool.

    The pool's candidates are averaged and counted as 127, so that neither the size of the pool nor how many siblings
    and duplicates are masked in it moves the scale.

    Args:
        images: (I, J) L2-normalised, by a model in evaluation mode; float16 or float32.
        captions: (C, J), as `images`.
        features: The corpus.
        pairs: (n,) int64, the pairs to judge.
        pool: (m,) int64, the pairs whose captions and images are the candidates.
        temperature: Divides the cosines.

    Returns:
        (2, n) float64, 0 or less: image to caption, caption to image. 0 where a pair has no candidate but itself.

    Source: CRCL's matching probabilities; evaluation mode, the fixed pool and the mask are ours.
    """
    image_index, caption_index = features.image_index, features.caption_index
    own_images, own_captions = _rows(images, image_index[pairs]), _rows(captions, caption_index[pairs])
    own = (own_images * own_captions).sum(dim=1) / temperature  # (n,)
    pool_images, pool_captions = torch.from_numpy(image_index[pool]), torch.from_numpy(caption_index[pool])
    candidates = (_rows(captions, caption_index[pool]), _rows(images, image_index[pool]))
    result = np.empty((2, len(pairs)))
    n_rows = max(1, _BLOCK_ELEMENTS // max(1, len(pool)))
    for start in range(0, len(pairs), n_rows):
        part = slice(start, start + n_rows)
        same_image = torch.from_numpy(image_index[pairs[part]])[:, None] == pool_images
        same_caption = torch.from_numpy(caption_index[pairs[part]])[:, None] == pool_captions
        is_masked = same_image | same_caption  # (rows, m)
        n_left = (~is_masked).sum(dim=1)
        for direction, queries in enumerate((own_images[part], own_captions[part])):
            logits = (queries @ candidates[direction].t() / temperature).masked_fill(is_masked, -torch.inf)
            # The mean over the candidates times 127, as a logarithm; -inf where none is left.
            others = logits.logsumexp(dim=1) - n_left.log() + np.log(N_CANDIDATES - 1)
            others = torch.where(n_left > 0, others, -torch.inf)
            result[direction, part] = (own[part] - torch.logaddexp(own[part], others)).numpy()
    return result


def _rows(embeddings: FloatArray, rows: IntArray) -> torch.Tensor:
    return torch.from_numpy(embeddings[rows].astype(np.float32))
