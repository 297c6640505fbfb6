"""The two networks of the `offline` encoder in PyTorch, from the pinned weights to their feature vectors."""

from pathlib import Path
from typing import final

import timm
import torch
from safetensors.torch import load_file
from torch import nn
from transformers import BertConfig, BertModel

from crcl_core.encoders.pinned_weights import CAPTION_CONFIG, CAPTION_WEIGHTS, IMAGE_WEIGHTS
from crcl_core.types import EncoderError

# What the checkpoint of MiniLM holds beyond the trunk: a pooler that mean pooling replaces, and a constant that newer
# versions of transformers compute.
_UNUSED_CAPTION_PREFIXES = ("pooler.", "embeddings.position_ids")


@final
class ImageNetwork(nn.Module):
    """EfficientNet-Lite0 up to its last feature map, and that map averaged over the positions.

    Takes the bytes of an image and scales them to (x - 127) / 128 itself, as the weights were trained, so that no
    caller can scale them differently.

    Args:
        trunk: timm's `tf_efficientnet_lite0`.
    """

    def __init__(self, trunk: nn.Module) -> None:
        super().__init__()
        self.trunk = trunk

    def forward(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Embed (B, 224, 224, 3) uint8 to features (B, 1280) and feature map (B, 1280, 7, 7), both float32."""
        scaled = (pixels.permute(0, 3, 1, 2).to(torch.float32) - 127.0) / 128.0
        feature_map: torch.Tensor = self.trunk.forward_features(scaled)  # type: ignore[operator]  # timm is untyped
        return feature_map.mean(dim=(2, 3)), feature_map


@final
class CaptionNetwork(nn.Module):
    """MiniLM with its own pooling: the mean over the real word pieces, L2-normalised.

    Args:
        trunk: A `BertModel` without pooler.
    """

    def __init__(self, trunk: nn.Module) -> None:
        super().__init__()
        self.trunk = trunk

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Embed (B, T) int64 ids, and a mask that is 1 on real word pieces, to (B, 384) float32 of length 1."""
        hidden = self.trunk(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state  # (B, T, D)
        weights = attention_mask.to(hidden.dtype).unsqueeze(-1)  # (B, T, 1)
        mean = (hidden * weights).sum(dim=1) / weights.sum(dim=1)
        return nn.functional.normalize(mean, dim=1)


def load_lite0() -> nn.Module:
    """Load the pinned EfficientNet-Lite0 into timm's `tf_efficientnet_lite0`, classifier included.

    The checkpoint names its parameters differently, but lists them in the same order and the same shapes as timm does,
    so they are paired by position.

    Returns:
        The network in evaluation mode: (B, 3, 224, 224) float32 to (B, 1000) logits.

    Raises:
        EncoderError: The weights are missing, not the pinned ones, or do not fit.
    """
    saved: dict[str, torch.Tensor] = torch.load(IMAGE_WEIGHTS.verified_path(), map_location="cpu", weights_only=True)
    network: nn.Module = timm.create_model("tf_efficientnet_lite0", pretrained=False)
    network.load_state_dict(_pair_by_position(saved, network.state_dict()))
    return network.eval()


def load_image_network() -> ImageNetwork:
    """Load the image half of the `offline` encoder, in evaluation mode.

    Raises:
        EncoderError: As `load_lite0`.
    """
    return ImageNetwork(load_lite0()).eval()


def load_caption_network() -> CaptionNetwork:
    """Load the caption half of the `offline` encoder, in evaluation mode.

    Raises:
        EncoderError: The weights are missing, not the pinned ones, or do not fit.
    """
    config = BertConfig.from_json_file(str(CAPTION_CONFIG.verified_path()))
    # The plain attention exports to fewer operations than the fused one, which ONNX has no counterpart for.
    config._attn_implementation = "eager"  # noqa: SLF001 - transformers offers no public way to set it on a config
    trunk = BertModel(config, add_pooling_layer=False)
    weights = _read_safetensors(CAPTION_WEIGHTS.verified_path())
    kept = {name: value for name, value in weights.items() if not name.startswith(_UNUSED_CAPTION_PREFIXES)}
    try:
        trunk.load_state_dict(kept)
    except RuntimeError as error:
        raise EncoderError(f"the caption weights do not fit transformers' BertModel: {error}") from error
    return CaptionNetwork(trunk).eval()


def _read_safetensors(path: Path) -> dict[str, torch.Tensor]:
    weights: dict[str, torch.Tensor] = load_file(path, device="cpu")
    return weights


def _pair_by_position(saved: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    if len(saved) != len(expected):
        raise EncoderError(f"the image weights hold {len(saved)} tensors, timm's tf_efficientnet_lite0 {len(expected)}")
    paired = {}
    for (saved_name, value), (name, wanted) in zip(saved.items(), expected.items(), strict=True):
        if value.shape != wanted.shape:
            raise EncoderError(
                f"image weight {saved_name} has shape {tuple(value.shape)}, "
                f"timm expects {tuple(wanted.shape)} for {name} in its place"
            )
        paired[name] = value
    return paired
