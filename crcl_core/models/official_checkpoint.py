"""Reads the checkpoint files of the paper's official code, and nothing that could run."""

import argparse
import pickle
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, final

import numpy as np
import torch
from torch import Tensor

from crcl_core.types import CheckpointError, DoubleArray

_PARTS = ("img_enc", "txt_enc", "sim_enc")
_FEWEST_PARTS = 2

# What those files hold beside tensors: the options as a Namespace, the labels as a NumPy array. NumPy 2 moved the
# functions that rebuild one, and a file names them as they were where it was written.
_ARRAY_DTYPES = ("bool", "int32", "int64", "float32", "float64")
_ALLOWED: list[Any] = [  # Any: classes, functions, and functions under another name
    argparse.Namespace,
    np.ndarray,
    np.dtype,
    *(type(np.dtype(name)) for name in _ARRAY_DTYPES),
    *(
        (value.__reduce__()[0], f"{module}.multiarray.{name}")
        for value, name in ((np.zeros(0), "_reconstruct"), (np.float64(0), "scalar"))
        for module in ("numpy._core", "numpy.core")
    ),
]


@final
@dataclass(frozen=True, eq=False)
class OfficialCheckpoint:
    """What a file of the official code holds.

    Attributes:
        weights: Weights and buffers on the CPU, by part (img_enc, txt_enc, sim_enc) and name: `img_enc.fc.weight`.
        options: The command line's options at training.
        labels: (N,) the soft correspondence labels of the training pairs, if the file has them.
        epoch: Epoch of its round, from 0, if the file names it.
    """

    weights: Mapping[str, Tensor]
    options: Mapping[str, object]
    labels: DoubleArray | None
    epoch: int | None


def read_official_checkpoint(path: Path) -> OfficialCheckpoint:
    """Reads a checkpoint of the official code, zipped or of the older format.

    Tensors, an `argparse.Namespace` and NumPy arrays are rebuilt; a file that names any other class or function is
    refused before that is called.

    Args:
        path: The file, usually `*.pth.tar`.

    Raises:
        CheckpointError: The file cannot be read, names something else, or is not laid out as the official code does.
    """
    content = _load(path)
    if not isinstance(content, dict) or "model" not in content:
        raise CheckpointError(f"{path} is no checkpoint of the official code: it has no entry 'model'")
    labels, epoch, options = content.get("move_gt"), content.get("epoch"), content.get("opt")
    return OfficialCheckpoint(
        weights=_named_weights(path, content["model"]),
        options=dict(vars(options)) if isinstance(options, argparse.Namespace) else {},
        labels=_as_labels(labels),
        epoch=epoch if isinstance(epoch, int) else None,
    )


def _load(path: Path) -> object:
    try:
        with torch.serialization.safe_globals(_ALLOWED):
            content: object = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        named = re.search(r"GLOBAL (\S+)", str(error))
        what = f"it names {named[1]}" if named else str(error).splitlines()[0]
        raise CheckpointError(f"{path} is refused: only weights, options and arrays are read, and {what}") from error
    except (OSError, EOFError, RuntimeError, ValueError, TypeError, LookupError, AttributeError, struct.error) as error:
        raise CheckpointError(f"{path} cannot be read as a checkpoint: {error}") from error
    return content


def _named_weights(path: Path, parts: object) -> dict[str, Tensor]:
    if not isinstance(parts, list) or not _FEWEST_PARTS <= len(parts) <= len(_PARTS):
        found = f"{len(parts)} parts" if isinstance(parts, list) else type(parts).__name__
        raise CheckpointError(f"{path}: 'model' is {found}, expected a list of 2 or 3 state dicts")
    weights = {}
    for part, state in zip(_PARTS, parts, strict=False):
        if not isinstance(state, dict):
            raise CheckpointError(f"{path}: {part} is {type(state).__name__}, expected a state dict")
        for name, value in state.items():
            if not isinstance(name, str) or not isinstance(value, Tensor):
                raise CheckpointError(f"{path}: {part}.{name} is {type(value).__name__}, expected a tensor")
            # Some bytes can claim to be a weight of any size, which the model to build would then have in full.
            if value.numel() * value.element_size() > value.untyped_storage().nbytes():
                raise CheckpointError(f"{path}: {part}.{name} is larger than what the file holds of it")
            weights[f"{part}.{name}"] = value
    return weights


def _as_labels(labels: object) -> DoubleArray | None:
    is_vector_of_numbers = isinstance(labels, np.ndarray) and labels.ndim == 1 and labels.dtype.kind == "f"
    return np.asarray(labels, dtype=np.float64) if is_vector_of_numbers else None
