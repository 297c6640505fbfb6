"""Exports the networks of the `offline` encoder to ONNX, and does not hand out a file that computes something else."""

from pathlib import Path

import numpy as np
import onnxruntime
import torch
from torch import nn

from crcl_core.encoders.offline_networks import load_caption_network, load_image_network
from crcl_core.types import EncoderError

TOLERANCE = 1e-3
"""Largest difference between a feature from ONNX Runtime and the same from PyTorch that an export may show."""

_SIDE_PX = 224
# torch.export specialises on sizes 0 and 1, so the example it traces is larger.
_EXAMPLE_BATCH = 2
_EXAMPLE_TOKENS = 8


def export_image_network(path: Path) -> None:
    """Write the image network to `path`: `pixels` (B, 224, 224, 3) uint8 to `features` (B, 1280) float32, any B.

    Raises:
        EncoderError: The weights are unusable, or the exported network differs from PyTorch by more than `TOLERANCE`.
    """
    network = load_image_network()
    batch = torch.export.Dim.AUTO
    _export(network, path, {"pixels": _pixels(_EXAMPLE_BATCH)}, {"pixels": {0: batch}})
    _verify(network, path, [{"pixels": _pixels(1)}, {"pixels": _pixels(3)}])


def export_caption_network(path: Path) -> None:
    """Write the caption network to `path`: ids and mask, (B, T) int64, to `features` (B, 384) float32, any B and T.

    Raises:
        EncoderError: The weights are unusable, or the exported network differs from PyTorch by more than `TOLERANCE`.
    """
    network = load_caption_network()
    sizes = {0: torch.export.Dim.AUTO, 1: torch.export.Dim.AUTO}
    _export(
        network,
        path,
        _tokens(_EXAMPLE_BATCH, _EXAMPLE_TOKENS),
        {"input_ids": sizes, "attention_mask": sizes},
    )
    _verify(network, path, [_tokens(1, 2), _tokens(3, 21)])


def _export(
    network: nn.Module, path: Path, example: dict[str, torch.Tensor], sizes: dict[str, dict[int, object]]
) -> None:
    with torch.no_grad():
        program = torch.onnx.export(
            network,
            kwargs=example,
            input_names=list(example),
            output_names=["features"],
            dynamic_shapes=sizes,
            dynamo=True,
            verbose=False,
        )
    if program is None:
        raise EncoderError("torch.onnx.export returned no program")
    # One file, so that a single rename can publish it.
    program.save(path, external_data=False)


def _verify(network: nn.Module, path: Path, inputs: list[dict[str, torch.Tensor]]) -> None:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    for sample in inputs:
        with torch.no_grad():
            expected = network(**sample).numpy()
        found = session.run(["features"], {name: value.numpy() for name, value in sample.items()})[0]
        difference = float(np.abs(found - expected).max())
        # A NaN is no larger than anything, so the comparison is turned round.
        if not difference <= TOLERANCE:
            raise EncoderError(
                f"the ONNX export of {type(network).__name__} differs from PyTorch by {difference:.2e}, "
                f"allowed is {TOLERANCE:.0e}"
            )


def _pixels(n_images: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(n_images)
    shape = (n_images, _SIDE_PX, _SIDE_PX, 3)
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)


def _tokens(n_captions: int, n_tokens: int) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(n_tokens)
    ids = torch.randint(1000, 20_000, (n_captions, n_tokens), generator=generator)
    mask = torch.ones_like(ids)
    mask[-1, n_tokens // 2 :] = 0  # the last caption is padded
    return {"input_ids": ids, "attention_mask": mask}
