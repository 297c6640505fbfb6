"""The linear layer that SAF and SGR are made of."""

from torch import nn


def xavier_linear(input_dim: int, output_dim: int) -> nn.Linear:
    """Builds a linear layer with Xavier-uniform weights and a bias of zeros, as the paper's base models start."""
    layer = nn.Linear(input_dim, output_dim)
    nn.init.xavier_uniform_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer
