"""Tests of finding the feature map of each kind of image tower that open_clip has."""

import pytest
import torch
from open_clip.model import CLIPVisionCfg, _build_vision_tower
from torch import nn

from crcl_core.encoders.open_clip_maps import find_region_grid, last_feature_map

CPU = torch.device("cpu")


def _tower(config: CLIPVisionCfg) -> nn.Module:
    tower: nn.Module = _build_vision_tower(16, config)
    return tower.eval()


class TestFindRegionGrid:
    @pytest.mark.parametrize(
        ("config", "rows", "columns", "dim"),
        [
            (CLIPVisionCfg(layers=1, width=32, head_width=16, patch_size=16, image_size=(48, 32)), 3, 2, 32),
            (CLIPVisionCfg(layers=(1, 1, 1, 1), width=4, head_width=16, image_size=64), 2, 2, 128),
            (CLIPVisionCfg(timm_model_name="convnext_atto", timm_pool="", image_size=64), 2, 2, 320),
            (CLIPVisionCfg(timm_model_name="vit_tiny_patch16_224", timm_pool="", image_size=224), 14, 14, 192),
        ],
        ids=["transformer", "residual", "timm convolutions", "timm transformer"],
    )
    def test_finds_the_map(self, config: CLIPVisionCfg, rows: int, columns: int, dim: int) -> None:
        height, width = config.image_size if isinstance(config.image_size, tuple) else (config.image_size,) * 2

        grid = find_region_grid(_tower(config), (height, width, 3), CPU)

        assert grid is not None
        assert (grid.rows, grid.columns, grid.dim) == (rows, columns, dim)

    def test_a_tower_of_another_make_has_none(self) -> None:
        assert find_region_grid(nn.Flatten(), (8, 8, 3), CPU) is None

    def test_a_timm_model_that_cannot_show_its_map_has_none(self) -> None:
        tower = _tower(CLIPVisionCfg(timm_model_name="convnext_atto", timm_pool="", image_size=64))
        tower.trunk = nn.Flatten()

        assert find_region_grid(tower, (64, 64, 3), CPU) is None


class TestLastFeatureMap:
    def test_of_a_residual_network_is_what_its_pooling_sees(self) -> None:
        tower = _tower(CLIPVisionCfg(layers=(1, 1, 1, 1), width=4, head_width=16, image_size=64))
        pixels = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))

        with torch.no_grad():
            pooled = tower.attnpool(last_feature_map(tower, pixels))  # type: ignore[operator]  # open_clip is untyped

            torch.testing.assert_close(pooled, tower(pixels), atol=1e-5, rtol=0)

    def test_of_a_timm_model_is_what_its_head_sees(self) -> None:
        tower = _tower(CLIPVisionCfg(timm_model_name="vit_tiny_patch16_224", timm_pool="", image_size=224))
        pixels = torch.randn(1, 3, 224, 224, generator=torch.Generator().manual_seed(0))

        with torch.no_grad():
            tokens = tower.trunk.forward_features(pixels)  # type: ignore[operator, union-attr]  # timm is untyped

            found = last_feature_map(tower, pixels).flatten(2).transpose(1, 2)
        torch.testing.assert_close(found, tokens[:, 1:], atol=1e-5, rtol=0)
