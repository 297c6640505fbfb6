"""Trained heads as one safetensors file, with what is needed to build them again in its metadata."""

import dataclasses
import json
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from crcl_core.models import MatchingHeads
from crcl_core.training.config import CODE_VERSION, TrainingConfig
from crcl_core.types import CheckpointError

FORMAT_VERSION = "1"


def save_heads(heads: MatchingHeads, path: Path, *, config: TrainingConfig | None = None) -> None:
    """Writes the heads' weights and shape.

    Args:
        heads: Trained heads, on any device.
        path: The file; replaced if it exists.
        config: How they were trained, kept in the file for its reader.
    """
    shape = {
        "image_dim": heads.image_dim,
        "caption_dim": heads.caption_dim,
        "joint_dim": heads.joint_dim,
        "dropout": heads.dropout,
        "has_joint_space": heads.has_joint_space,
    }
    weights = {name: value.detach().cpu().contiguous() for name, value in heads.state_dict().items()}
    metadata = {"format_version": FORMAT_VERSION, "code_version": CODE_VERSION, "shape": json.dumps(shape)}
    if config is not None:
        metadata |= {"config": json.dumps(dataclasses.asdict(config)), "seed": str(config.seed)}
    save_file(weights, path, metadata=metadata)


def load_heads(path: Path) -> MatchingHeads:
    """Reads heads that `save_heads` wrote, on the CPU and in evaluation mode. No code comes out of the file.

    Raises:
        CheckpointError: The file cannot be read, is of another format, or its weights do not fit its shape.
    """
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            metadata = file.metadata() or {}
            if metadata.get("format_version") != FORMAT_VERSION:
                found = metadata.get("format_version")
                raise CheckpointError(f"{path}: format version {found!r}, expected {FORMAT_VERSION!r}")
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a mapping
        shape = json.loads(metadata["shape"])
        heads = MatchingHeads(
            shape["image_dim"],
            shape["caption_dim"],
            shape["joint_dim"],
            dropout=shape["dropout"],
            has_joint_space=shape["has_joint_space"],
        )
        heads.load_state_dict(weights)
    except (SafetensorError, OSError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise CheckpointError(f"{path} cannot be read as trained heads: {error}") from error
    return heads.eval()
