"""Augmentation of regions and words in training, as the paper's base models are trained with."""

from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from crcl_core.data.vocabulary import UNKNOWN_ID
from crcl_core.models import ModelKind
from crcl_core.training.config import TrainingConfig

# Of the words that are touched: half become unknown, a tenth a random word, the rest go.
_MASKED_SHARE = 0.5
_REPLACED_SHARE = 0.1
_FIRST_WORD_ID = UNKNOWN_ID + 1
# To VSE-infinity a region of zeros is absent. SAF and SGR have a fixed number of regions: theirs stay, without content.
_FILL = {ModelKind.VSE_INFTY: 0.0, ModelKind.SAF: 1e-10, ModelKind.SGR: 1e-10}


@final
@dataclass(frozen=True)
class Augmentation:
    """What a training does to a batch's regions and words before its model sees them.

    Attributes:
        vocabulary_size: None where images and captions are vectors, which stay as they are.
        word_noise_ratio: See `disturb_words`.
        region_drop_ratio: See `drop_regions`.
        region_fill: See `drop_regions`.
    """

    vocabulary_size: int | None
    word_noise_ratio: float
    region_drop_ratio: float
    region_fill: float

    @classmethod
    def for_training(cls, config: TrainingConfig, vocabulary_size: int | None) -> "Augmentation":
        """Builds the augmentation that suits a training's model."""
        return cls(vocabulary_size, config.word_noise_ratio, config.region_drop_ratio, _FILL.get(config.model, 0.0))

    def __call__(self, images: Tensor, captions: Tensor, random: torch.Generator) -> tuple[Tensor, Tensor]:
        """Augments a batch: (B, R, D) regions and (B, T) word ids; vectors pass unchanged."""
        if self.vocabulary_size is None:
            return images, captions
        return (
            drop_regions(images, self.region_drop_ratio, self.region_fill, random),
            disturb_words(captions, self.word_noise_ratio, self.vocabulary_size, random),
        )


def disturb_words(tokens: Tensor, ratio: float, vocabulary_size: int, random: torch.Generator) -> Tensor:
    """Masks, replaces or deletes words at random.

    Each id, the marks of start and end included, is touched with probability `ratio`. Of those half become the unknown
    word (the reference's mask), a tenth a random word, and the rest are deleted; a caption keeps one id at least.

    Args:
        tokens: (B, T) int64 ids, padded with 0 behind; left as they are.
        ratio: In [0, 1].
        vocabulary_size: Random words are drawn below it.
        random: CPU generator.

    Returns:
        (B, T) int64, on the device of `tokens`, padded with 0 behind.

    Source: CRCL's reference, after VSE-infinity (CVPR 2021); that a caption cannot become empty is ours.
    """
    if ratio == 0:
        return tokens
    shape = tuple(tokens.shape)
    draw = torch.rand(shape, generator=random).to(tokens.device)  # (B, T)
    # A vocabulary may hold no word at all beside the marks.
    replacements = torch.randint(min(_FIRST_WORD_ID, vocabulary_size - 1), vocabulary_size, shape, generator=random).to(
        tokens.device
    )
    is_word = tokens != 0
    kind = draw / ratio  # Below 1: touched.
    masked_until, replaced_until = _MASKED_SHARE, _MASKED_SHARE + _REPLACED_SHARE
    disturbed = torch.where(kind < masked_until, UNKNOWN_ID, tokens)
    disturbed = torch.where((kind >= masked_until) & (kind < replaced_until), replacements, disturbed)
    is_kept = is_word & ~((kind >= replaced_until) & (kind < 1.0))
    is_kept[:, 0] |= ~is_kept.any(dim=1)
    order = is_kept.logical_not().to(torch.uint8).argsort(dim=1, stable=True)  # Kept ids first, in their order.
    return disturbed.masked_fill(~is_kept, 0).gather(1, order)


def drop_regions(regions: Tensor, ratio: float, fill: float, random: torch.Generator) -> Tensor:
    """Overwrites whole regions at random.

    Args:
        regions: (B, R, D) float32; left as they are, where the reference erases its own data for good.
        ratio: Probability that a region is overwritten, in [0, 1]; an image keeps one at least.
        fill: What is written: 0 for VSE-infinity, to which such a region is absent, 1e-10 for SAF and SGR.
        random: CPU generator.

    Returns:
        (B, R, D) float32.
    """
    if ratio == 0:
        return regions
    draw = torch.rand(tuple(regions.shape[:2]), generator=random)  # (B, R)
    is_dropped = draw < ratio
    is_dropped[torch.arange(len(draw)), draw.argmax(dim=1)] = False
    return regions.masked_fill(is_dropped.to(regions.device)[:, :, None], fill)
