"""Regions into the joint space: a linear map plus a small network with batch normalisation."""

from typing import final

import torch
from torch import Tensor, nn

from crcl_core.models.xavier_linear import xavier_linear


@final
class RegionProjection(nn.Module):
    """Projects region features: Linear(D, J) + MLP, the MLP Linear(D, J / 2), BatchNorm, ReLU, Linear(J / 2, J).

    The statistics of the batch are taken over all regions given, those of all images alike.

    Args:
        region_dim: D.
        joint_dim: J, even.

    Raises:
        ValueError: A size is not positive, or joint_dim is odd.
    """

    def __init__(self, region_dim: int, joint_dim: int) -> None:
        super().__init__()
        for name, size in (("region_dim", region_dim), ("joint_dim", joint_dim)):
            if size < 1:
                raise ValueError(f"{name} is {size}, expected 1 or more")
        if joint_dim % 2:
            raise ValueError(f"joint_dim is {joint_dim}, expected an even number: the hidden layer takes half of it")
        self.linear = xavier_linear(region_dim, joint_dim)
        self.hidden = nn.Linear(region_dim, joint_dim // 2)
        self.hidden_norm = nn.BatchNorm1d(joint_dim // 2)
        self.output = nn.Linear(joint_dim // 2, joint_dim)

    def forward(self, regions: Tensor) -> Tensor:
        """(V, D) -> (J, V): a row a dimension, which is what sorting over the regions wants next.

        Raises:
            ValueError: In training, a single region has no statistics.
        """
        columns = regions.t()
        hidden = torch.addmm(self.hidden.bias.unsqueeze(1), self.hidden.weight, columns)  # (J / 2, V)
        active = self.hidden_norm(hidden.unsqueeze(0)).squeeze(0).relu()
        # One sum of both maps and both biases, written where the first product lies.
        bias = (self.linear.bias + self.output.bias).unsqueeze(1)
        return torch.addmm(torch.addmm(bias, self.linear.weight, columns), self.output.weight, active)
