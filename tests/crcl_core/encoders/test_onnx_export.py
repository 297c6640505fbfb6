"""Tests of the check that an exported network computes the same."""

from pathlib import Path

import pytest
import torch
from torch import nn

from crcl_core.encoders.onnx_export import _export, _verify
from crcl_core.types import EncoderError


class _Shift(nn.Module):
    """Adds a number that can be changed after the export."""

    def __init__(self) -> None:
        super().__init__()
        self.amount = nn.Parameter(torch.zeros(1), requires_grad=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.amount


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("shift") / "shift.onnx"
    _export(_Shift().eval(), path, {"x": torch.zeros(2, 3)}, {"x": {0: torch.export.Dim.AUTO}})
    return path


class TestVerify:
    def test_accepts_the_same_network_at_any_batch(self, exported: Path) -> None:
        _verify(_Shift(), exported, [{"x": torch.ones(n_rows, 3)} for n_rows in (1, 2, 7)])

    @pytest.mark.parametrize("amount", [0.01, float("nan")])
    def test_refuses_another_result(self, exported: Path, amount: float) -> None:
        changed = _Shift()
        changed.amount.fill_(amount)

        with pytest.raises(EncoderError, match=r"_Shift differs from PyTorch by .*, allowed is 1e-03"):
            _verify(changed, exported, [{"x": torch.ones(1, 3)}])
