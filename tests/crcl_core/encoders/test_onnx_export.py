"""Tests of the check that an exported network computes the same."""

from pathlib import Path

import pytest
import torch
from torch import nn

from crcl_core.encoders.onnx_export import _export, _verify
from crcl_core.types import EncoderError


class _Shift(nn.Module):
    """Adds numbers that can be changed after the export; has two outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Parameter(torch.zeros(1), requires_grad=False)
        self.second = nn.Parameter(torch.zeros(1), requires_grad=False)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return x + self.first, 2 * x + self.second


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("shift") / "shift.onnx"
    _export(_Shift().eval(), path, {"x": torch.zeros(2, 3)}, {"x": {0: torch.export.Dim.AUTO}}, ("sum", "twice"))
    return path


class TestVerify:
    def test_accepts_the_same_network_at_any_batch(self, exported: Path) -> None:
        _verify(_Shift(), exported, [{"x": torch.ones(n_rows, 3)} for n_rows in (1, 2, 7)], ("sum", "twice"))

    @pytest.mark.parametrize("amount", [0.01, float("nan")])
    @pytest.mark.parametrize(("parameter", "output"), [("first", "sum"), ("second", "twice")])
    def test_refuses_another_result_and_names_the_output(
        self, exported: Path, amount: float, parameter: str, output: str
    ) -> None:
        changed = _Shift()
        changed.get_parameter(parameter).fill_(amount)

        with pytest.raises(EncoderError, match=rf"_Shift differs from PyTorch by .* in '{output}', allowed is 1e-03"):
            _verify(changed, exported, [{"x": torch.ones(1, 3)}], ("sum", "twice"))
