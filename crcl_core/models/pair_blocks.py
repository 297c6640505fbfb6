"""Which images meet which captions at a time, so that what all pairs need never exists at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self, final

_NUMBER_BYTES = 4
_N_OF_ATTENTION = 6


@final
@dataclass(frozen=True)
class PairMemory:
    """How much memory pairs may take, and how much they do.

    Args:
        budget_bytes: What all that is held for pairs may take at a time.
        worked_bytes: What a node takes while its block is scored and its gradient computed.
        kept_bytes: What a node takes when its block is kept from scoring to the gradient.

    Raises:
        ValueError: A number is not positive.
    """

    budget_bytes: int
    worked_bytes: int
    kept_bytes: int

    def __post_init__(self) -> None:
        for name in ("budget_bytes", "worked_bytes", "kept_bytes"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}, expected 1 or more")

    @classmethod
    def of_nodes(cls, budget_bytes: int, similarity_dim: int, n_regions: int, n_worked: int, n_kept: int) -> Self:
        """Counts arrays as wide as a node, and beside them a few as wide as a word's attention to the regions."""
        attention_bytes = _N_OF_ATTENTION * n_regions * _NUMBER_BYTES
        node_bytes = similarity_dim * _NUMBER_BYTES
        return cls(budget_bytes, n_worked * node_bytes + attention_bytes, n_kept * node_bytes + attention_bytes)


# One block of a batch of 128, and what is kept of the others, at the sizes of the paper.
DEFAULT_BUDGET_BYTES = 2**30
# Blocks of that many nodes are as fast as larger ones: their arrays are reused rather than asked from the system anew.
_MOST_NODES = 24576
# Where images may be parted: enough of them for wide products, few enough that several captions join them.
_MOST_IMAGES = 128


@final
@dataclass(frozen=True)
class PairGrid:
    """A batch's pairs cut into blocks: some captions against some images.

    Attributes:
        caption_sizes: Captions of each row of blocks, the longest captions first.
        image_sizes: Images of each column of blocks.
        n_kept: Of that many blocks, row by row, what the gradient needs is kept after scoring; the others are scored
            again for it.
    """

    caption_sizes: tuple[int, ...]
    image_sizes: tuple[int, ...]
    n_kept: int


def pair_grid(lengths: Sequence[int], n_images: int, memory: PairMemory, *, needs_all_images: bool) -> PairGrid:
    """Cuts the pairs into blocks within a budget.

    A pair has 1 + T nodes, T the longest caption of its block; captions of like length share a block, so few nodes are
    padding. A block holds at least one pair, or one caption and all images, even where that exceeds the budget.

    Args:
        lengths: Words of each caption, never rising; at least one caption.
        n_images: I, at least 1.
        memory: The budget.
        needs_all_images: Whether a caption must meet all images in one block.
    """
    most_nodes = max(1, min(_MOST_NODES, memory.budget_bytes // memory.worked_bytes))
    n_together = n_images
    if not needs_all_images:
        n_together = min(n_images, _MOST_IMAGES, max(1, most_nodes // (1 + lengths[0])))
    caption_sizes = []
    start = 0
    while start < len(lengths):
        n_captions = max(1, most_nodes // (n_together * (1 + lengths[start])))
        caption_sizes.append(min(n_captions, len(lengths) - start))
        start += caption_sizes[-1]
    n_full, n_rest = divmod(n_images, n_together)
    image_sizes = (n_together,) * n_full + ((n_rest,) if n_rest else ())
    left_bytes = memory.budget_bytes - most_nodes * memory.worked_bytes
    return PairGrid(tuple(caption_sizes), image_sizes, max(0, left_bytes // (most_nodes * memory.kept_bytes)))
