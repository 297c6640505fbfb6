"""The last feature map of a model of open_clip, whichever kind of image tower it has."""

from typing import cast

import torch
from torch import nn

from crcl_core.encoders.region_grid import RegionGrid


def find_region_grid(visual: nn.Module, shape: tuple[int, int, int], device: torch.device) -> RegionGrid | None:
    """See what feature map an image tower gives, by running it on one black image.

    open_clip's own transformers and residual networks have one, and so have the towers that it takes from timm, unless
    timm cannot return that model's intermediate results.

    Args:
        visual: The image tower, in evaluation mode.
        shape: Rows, columns and channels of a prepared image.
        device: Where the tower is.

    Returns:
        None where the tower has no map.
    """
    # open_clip wraps what it takes from timm, and the wrapper has the method even where the model inside has not.
    inner = getattr(visual, "trunk", visual)
    if not all(callable(getattr(module, "forward_intermediates", None)) for module in (visual, inner)):
        return None
    rows, columns, channels = shape
    with torch.inference_mode():
        found = last_feature_map(visual, torch.zeros(1, channels, rows, columns, device=device))
    _, dim, map_rows, map_columns = found.shape
    source = "open_clip 1: last block's patches after the final norm, where the tower has one"
    return RegionGrid(rows=map_rows, columns=map_columns, dim=dim, source=source)


def last_feature_map(visual: nn.Module, pixels: torch.Tensor) -> torch.Tensor:
    """Run an image tower up to its last feature map; in a transformer, the patches without the class token.

    The width is that of the tower, before its projection into the joint space: that projection was trained on the
    pooled vector alone.

    Args:
        visual: An image tower in which `find_region_grid` found a map.
        pixels: (B, 3, rows, columns) scaled as the tower wants them.

    Returns:
        (B, D, map rows, map columns).
    """
    results = visual.forward_intermediates(  # type: ignore[operator]  # open_clip is untyped
        pixels, indices=1, normalize_intermediates=True, intermediates_only=True, output_fmt="NCHW"
    )
    return cast("torch.Tensor", results["image_intermediates"][-1])
