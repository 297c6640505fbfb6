"""Exports the networks of the `offline` encoder to ONNX, and does not hand out a file that computes something else."""

from collections.abc import Sequence
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
    """Write the image network to `path`: `pixels` (B, 224, 224, 3) uint8 to two outputs in float32, any B.

    They are `features` (B, 1280) and `feature_map` (B, 1280, 7, 7), whose mean over the positions the first one is.
    The second costs nothing that the first would not need: 350 images/s either way (two cores).

    Raises:
        EncoderError: The weights are unusable, or the exported network differs from PyTorch by more than `TOLERANCE`.
    """
    network = load_image_network()
    outputs = ("features", "feature_map")
    sizes = {"pixels": {0: torch.export.Dim.AUTO}}
    _export(network, path, {"pixels": _pixels(_EXAMPLE_BATCH)}, sizes, outputs)
    _verify(network, path, [{"pixels": _pixels(1)}, {"pixels": _pixels(3)}], outputs)


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
        ("features",),
    )
    _verify(network, path, [_tokens(1, 2), _tokens(3, 21)], ("features",))


def _export(
    network: nn.Module,
    path: Path,
    example: dict[str, torch.Tensor],
    sizes: dict[str, dict[int, object]],
    outputs: Sequence[str],
) -> None:
    with torch.no_grad():
        program = torch.onnx.export(
            network,
            kwargs=example,
            input_names=list(example),
            output_names=list(outputs),
            dynamic_shapes=sizes,
            dynamo=True,
            verbose=False,
        )
    if program is None:
        raise EncoderError("torch.onnx.export returned no program")
    # One file, so that a single rename can publish it.
    program.save(path, external_data=False)


def _verify(network: nn.Module, path: Path, inputs: list[dict[str, torch.Tensor]], outputs: Sequence[str]) -> None:
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    for sample in inputs:
        with torch.no_grad():
            results = network(**sample)
        expected = results if isinstance(results, tuple) else (results,)
        found = session.run(list(outputs), {name: value.numpy() for name, value in sample.items()})
        for output, computed, wanted in zip(outputs, found, expected, strict=True):
            difference = float(np.abs(computed - wanted.numpy()).max())
            # A NaN is no larger than anything, so the comparison is turned round.
            if not difference <= TOLERANCE:
                raise EncoderError(
                    f"the ONNX export of {type(network).__name__} differs from PyTorch by {difference:.2e} in "
                    f"{output!r}, allowed is {TOLERANCE:.0e}"
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
