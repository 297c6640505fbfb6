"""The official implementation's weights, and checkpoint files laid out as it writes them."""

import argparse
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from tests.crcl_core.golden.reference import REFERENCE_FILE

PARTS = ("img_enc", "txt_enc", "sim_enc")


def official_parts(module_name: str) -> list[dict[str, Tensor]]:
    """The state dicts of one model (VSEinfty, SAF or SGR), a part each: image, text and, of SAF and SGR, similarity."""
    with np.load(REFERENCE_FILE, allow_pickle=False) as arrays:
        parts = [
            {
                name.removeprefix(f"{module_name}/state/{part}."): torch.from_numpy(arrays[name])
                for name in arrays.files
                if name.startswith(f"{module_name}/state/{part}.")
            }
            for part in PARTS
        ]
    return [part for part in parts if part]


def official_weights(module_name: str) -> dict[str, Tensor]:
    """The weights of one model as `read_official_checkpoint` names them."""
    with np.load(REFERENCE_FILE, allow_pickle=False) as arrays:
        start = f"{module_name}/state/"
        return {
            name.removeprefix(start): torch.from_numpy(arrays[name]) for name in arrays.files if name.startswith(start)
        }


def write_official_checkpoint(path: Path, parts: list[dict[str, Tensor]], **options: object) -> Path:
    """Writes a file as the official training loop does, with the soft labels of six pairs."""
    content = {
        "schedule": 3,
        "epoch": 29,
        "model": parts,
        "best_rsum": np.float64(507.8),
        "opt": argparse.Namespace(**options),
        "step": 100,
        "move_gt": np.linspace(0, 1, 6),
    }
    torch.save(content, path)
    return path
