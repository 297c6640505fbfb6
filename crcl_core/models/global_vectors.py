"""Global vectors: the regions of an image, or the words of a caption, summed up by an attention to their mean."""

from typing import final

from torch import Tensor, nn
from torch.nn.functional import batch_norm

from crcl_core.models.matrix_product import linear
from crcl_core.models.normalisation import scaled_to_unit
from crcl_core.models.xavier_linear import xavier_linear


@final
class ImageGlobal(nn.Module):
    """Sums the regions of an image up: norm(sum_r w_r l_r), w a softmax of Linear(tanh(BN(W l)) * tanh(BN(W g))).

    g is the mean region. The batch normalisation of the regions keeps statistics for each of the R places, so R is
    fixed.

    Args:
        joint_dim: J.
        n_regions: R.
        dropout: Share of both tanh's outputs dropped in training.

    Source: SGRAF (AAAI 2021), "Generic Representation Extraction".
    """

    def __init__(self, joint_dim: int, n_regions: int, *, dropout: float) -> None:
        super().__init__()
        self.local = xavier_linear(joint_dim, joint_dim)
        self.local_norm = nn.BatchNorm1d(n_regions)
        self.mean = xavier_linear(joint_dim, joint_dim)
        self.mean_norm = nn.BatchNorm1d(joint_dim)
        self.attention = xavier_linear(joint_dim, 1)
        self.dropout = nn.Dropout(dropout)

    def forward(self, regions: Tensor) -> Tensor:
        """(I, R, J) -> (I, J), each of length 1. One image alone has no statistics: it is taken by the running ones."""
        local = self.dropout(self.local_norm(linear(regions, self.local.weight, self.local.bias)).tanh())  # (I, R, J)
        mean = self.dropout(self._normalised_mean(self.mean(regions.mean(dim=1))).tanh())  # (I, J)
        # Linear(local * mean) is a product of local with a vector an image, which spares an (I, R, J) and its gradient.
        logits = (local @ (mean * self.attention.weight).unsqueeze(2)).squeeze(2) + self.attention.bias  # (I, R)
        weights = logits.softmax(dim=1).to(regions.dtype)
        return scaled_to_unit((weights.unsqueeze(1) @ regions).squeeze(1).to(regions.dtype))

    def _normalised_mean(self, mean: Tensor) -> Tensor:
        norm = self.mean_norm
        if self.training and len(mean) == 1:
            return batch_norm(mean, norm.running_mean, norm.running_var, norm.weight, norm.bias, eps=norm.eps)
        normalised: Tensor = norm(mean)
        return normalised


@final
class CaptionGlobal(nn.Module):
    """Sums the words of a caption up: norm(sum_t w_t l_t), w a softmax of Linear(tanh(W l) * tanh(W g)), g their mean.

    Args:
        joint_dim: J.
        dropout: Share of both tanh's outputs dropped in training.

    Source: as `ImageGlobal`, without batch normalisation.
    """

    def __init__(self, joint_dim: int, *, dropout: float) -> None:
        super().__init__()
        self.local = xavier_linear(joint_dim, joint_dim)
        self.mean = xavier_linear(joint_dim, joint_dim)
        self.attention = xavier_linear(joint_dim, 1)
        self.dropout = nn.Dropout(dropout)

    def forward(self, words: Tensor, is_word: Tensor) -> Tensor:
        """(C, T, J), zeros behind a caption's last word, and (C, T) bool -> (C, J), each of length 1."""
        means = words.sum(dim=1) / is_word.sum(dim=1, keepdim=True)  # (C, J)
        mean = self.dropout(self.mean(means).tanh())
        # Words only, a row each: captions differ in length, and a third of the padded rows would be for nothing.
        local = self.dropout(linear(words[is_word], self.local.weight, self.local.bias).tanh())  # (V, J)
        caption_of_word = is_word.nonzero()[:, 0]
        logits = ((mean * self.attention.weight)[caption_of_word] * local).sum(dim=1) + self.attention.bias  # (V,)
        padded = logits.new_full(is_word.shape, float("-inf")).masked_scatter(is_word, logits)
        weights = padded.softmax(dim=1).to(words.dtype)  # (C, T)
        return scaled_to_unit((weights.unsqueeze(1) @ words).squeeze(1).to(words.dtype))
