"""How many operations a training step's matrix products take, counted from the models' equations.

Only products count, each once: what an implementation computes a second time to save memory, sorts, softmaxes and
element-wise work are left out. So the ratio to the machine's own product says what a step makes of the machine, and can
only reach 1 where nothing but the products takes time.
"""

from dataclasses import dataclass

# A product is as much work again for each of its two gradients.
_WITH_BOTH_GRADIENTS = 3
# The features are given: their gradient is not wanted.
_WITH_WEIGHT_GRADIENT = 2


@dataclass(frozen=True)
class StepSizes:
    """The sizes of a step: B pairs of R regions of width D and of words, `n_words` in all; J, word width, S."""

    n_pairs: int
    n_regions: int
    region_dim: int
    caption_lengths: tuple[int, ...]
    joint_dim: int
    word_dim: int
    similarity_dim: int

    @property
    def n_words(self) -> int:
        """Words of all captions."""
        return sum(self.caption_lengths)

    @property
    def n_rows(self) -> int:
        """Regions of all images."""
        return self.n_pairs * self.n_regions


def step_operations(model: str, sizes: StepSizes) -> float:
    """Counts a step's operations, forward and backward; a multiplication and an addition are two.

    Raises:
        ValueError: The model is unknown.
    """
    if model == "vse_infty":
        multiplications = _gru(sizes) + _region_projection(sizes) + _similarities(sizes)
    elif model == "saf":
        multiplications = _gru(sizes) + _fragments(sizes) + _nodes(sizes)
    elif model == "sgr":
        multiplications = _gru(sizes) + _fragments(sizes) + _nodes(sizes) + _reasoning(sizes)
    else:
        raise ValueError(f"model is {model!r}, expected vse_infty, saf or sgr")
    return 2.0 * multiplications


def _gru(sizes: StepSizes) -> int:
    # Two directions of three gates; at a caption's first word there is no state to multiply.
    inputs = sizes.n_words * sizes.word_dim * 3 * sizes.joint_dim
    states = (sizes.n_words - sizes.n_pairs) * sizes.joint_dim * 3 * sizes.joint_dim
    return 2 * _WITH_BOTH_GRADIENTS * (inputs + states)


def _region_projection(sizes: StepSizes) -> int:
    half = sizes.joint_dim // 2
    of_features = sizes.region_dim * (sizes.joint_dim + half)
    return sizes.n_rows * (_WITH_WEIGHT_GRADIENT * of_features + _WITH_BOTH_GRADIENTS * half * sizes.joint_dim)


def _similarities(sizes: StepSizes) -> int:
    return _WITH_BOTH_GRADIENTS * sizes.n_pairs * sizes.n_pairs * sizes.joint_dim


def _fragments(sizes: StepSizes) -> int:
    projection = _WITH_WEIGHT_GRADIENT * sizes.n_rows * sizes.region_dim * sizes.joint_dim
    # Both global vectors: each region and word, and each mean of them, through a square layer.
    n_through = sizes.n_rows + sizes.n_words + 2 * sizes.n_pairs
    return projection + _WITH_BOTH_GRADIENTS * n_through * sizes.joint_dim**2


def _nodes(sizes: StepSizes) -> int:
    # Every word meets every region twice: to weigh it, and to sum the weighed ones up.
    meetings = 2 * sizes.n_words * sizes.n_rows * sizes.joint_dim
    layers = sizes.n_pairs * (sizes.n_words + sizes.n_pairs) * sizes.joint_dim * sizes.similarity_dim
    return _WITH_BOTH_GRADIENTS * (meetings + layers)


def _reasoning(sizes: StepSizes, n_steps: int = 3) -> int:
    # A step has two square layers a node, the weights of query and key being one product, and two products of each
    # node with all of its pair. Of the last step only node 0 is asked for.
    width, n_images = sizes.similarity_dim, sizes.n_pairs
    n_nodes = [1 + length for length in sizes.caption_lengths]
    layers = 2 * n_images * width * width * ((n_steps - 1) * sum(n_nodes) + len(n_nodes))
    meetings = 2 * n_images * width * sum((n_steps - 1) * n * n + n for n in n_nodes)
    return _WITH_BOTH_GRADIENTS * (layers + meetings)
