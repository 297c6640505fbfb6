"""Loads a model of open_clip with its transform and tokenizer, and fingerprints what was loaded."""

import difflib
import hashlib
import json
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import open_clip
import torch
from open_clip.transform import PreprocessCfg, image_transform_v2
from PIL import Image
from safetensors import SafetensorError
from torch import nn
from torchvision.transforms import Compose, Normalize, ToTensor

from crcl_core.types import EncoderError

# What open_clip and torch.load raise on a file that holds no, damaged, or another model's weights.
_UNREADABLE = (
    RuntimeError,
    OSError,
    EOFError,
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    StopIteration,
    pickle.UnpicklingError,
    SafetensorError,
)
_MAX_REASON_CHARACTERS = 300


@dataclass(frozen=True, slots=True)
class ClipPreprocess:
    """open_clip's transform in two halves: what happens to the picture, and how its bytes are scaled.

    Args:
        resize: Resizes and crops; leaves an RGB picture.
        shape: Rows, columns and channels of what `resize` returns.
        mean: Subtracted from each channel, after division by 255.
        std: Each channel is divided by it afterwards.
    """

    resize: Callable[[Image.Image], Image.Image]
    shape: tuple[int, int, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class LoadedClip:
    """A model of open_clip, ready to embed.

    Args:
        model: In evaluation mode, on the processor, float32.
        tokenize: Captions to (B, T) int64 tokens.
        preprocess: The model's image transform.
        embed_dim: Width of the joint space.
        fingerprint: SHA-256 in hex over weights, architecture, transform and tokenizer. It is the same on every
            device; vectors of the same image then agree up to the rounding of the device.
    """

    model: nn.Module
    tokenize: Callable[[list[str]], torch.Tensor]
    preprocess: ClipPreprocess
    embed_dim: int
    fingerprint: str


def load_clip(name: str, model_name: str, weights: str) -> LoadedClip:
    """Load `model_name` with the weights of a tag or of a file.

    A checkpoint is read with `weights_only`, so a file cannot run code. Where `open_clip_config.json` lies beside it
    (the layout in which open_clip publishes models), its `preprocess_cfg` is used; otherwise open_clip's defaults.

    Args:
        name: The registered name, for messages.
        model_name: open_clip's name of the architecture.
        weights: A tag or a path.

    Raises:
        EncoderError: The model or the tag is unknown, or the weights cannot be had, read or used.
    """
    _check_names(name, model_name, weights)
    is_tag = weights in open_clip.list_pretrained_tags_by_model(model_name)
    try:
        model: nn.Module = open_clip.create_model(
            model_name,
            pretrained=weights,
            weights_only=True,
            force_preprocess_cfg={} if is_tag else _preprocess_beside(Path(weights)),
        )
    except _UNREADABLE as error:
        source = f"tag {weights!r}" if is_tag else f"checkpoint {weights}"
        raise EncoderError(f"encoder {name!r}: {source} cannot be loaded as {model_name}: {_reason(error)}") from error
    try:
        tokenize = open_clip.get_tokenizer(model_name)
    except (RuntimeError, OSError, ValueError) as error:
        raise EncoderError(
            f"encoder {name!r}: the tokenizer of {model_name} is not to be had: {_reason(error)}"
        ) from error
    # open_clip is untyped: the attribute holds the arguments of its PreprocessCfg.
    preprocess_config = cast("dict[str, Any]", model.visual.preprocess_cfg)  # type: ignore[union-attr]
    # open_clip is untyped: a nested dictionary of JSON values.
    architecture = cast("dict[str, Any]", open_clip.get_model_config(model_name))
    described = {"model": architecture, "preprocess": preprocess_config, "tokenizer": type(tokenize).__name__}
    return LoadedClip(
        model=model.eval().requires_grad_(False),
        tokenize=tokenize,
        preprocess=_split_transform(image_transform_v2(PreprocessCfg(**preprocess_config), is_train=False)),
        embed_dim=int(architecture["embed_dim"]),
        fingerprint=_fingerprint(model, json.dumps(described, sort_keys=True)),
    )


def _check_names(name: str, model_name: str, weights: str) -> None:
    models = open_clip.list_models()
    if model_name not in models:
        close = difflib.get_close_matches(model_name, models, n=5, cutoff=0.3) or sorted(models)[:5]
        raise EncoderError(
            f"encoder {name!r}: open_clip knows no model {model_name!r}; "
            f"nearest of its {len(models)} models: {', '.join(close)}"
        )
    tags = open_clip.list_pretrained_tags_by_model(model_name)
    if weights not in tags and not Path(weights).is_file():
        raise EncoderError(
            f"encoder {name!r}: {weights!r} is neither a checkpoint file nor a tag of {model_name}; "
            f"tags: {', '.join(tags) or 'none'}"
        )


# The values are whatever the JSON file holds; open_clip checks them.
def _preprocess_beside(checkpoint: Path) -> dict[str, Any]:
    path = checkpoint.parent / "open_clip_config.json"
    if not path.is_file():
        return {}
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        return dict(config.get("preprocess_cfg", {}))
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise EncoderError(f"{path}: not a configuration of open_clip: {_reason(error)}") from error


def _split_transform(transform: Compose) -> ClipPreprocess:
    *resizing, to_tensor, normalize = transform.transforms
    if not isinstance(to_tensor, ToTensor) or not isinstance(normalize, Normalize):
        raise EncoderError(f"open_clip's transform should end in ToTensor and Normalize, it is {transform}")
    resize = cast("Callable[[Image.Image], Image.Image]", Compose(resizing))
    rows, columns, channels = np.asarray(resize(Image.new("RGB", (8, 8)))).shape
    return ClipPreprocess(resize, (rows, columns, channels), tuple(normalize.mean), tuple(normalize.std))


def _fingerprint(model: nn.Module, described: str) -> str:
    digest = hashlib.sha256(f"open_clip 1\n{described}\n".encode())
    for key, value in sorted(model.state_dict().items()):
        digest.update(f"{key} {value.dtype} {tuple(value.shape)}\n".encode())
        # Bytes, because NumPy has no bfloat16.
        digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def _reason(error: BaseException) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= _MAX_REASON_CHARACTERS else text[:_MAX_REASON_CHARACTERS] + " ..."
