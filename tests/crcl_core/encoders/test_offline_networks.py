"""Tests of the networks of the `offline` encoder, against a forward pass written from the architecture."""

from dataclasses import replace

import pytest
import torch
from torch.nn import functional

from crcl_core.encoders import offline_networks
from crcl_core.encoders.offline_networks import load_caption_network, load_image_network, load_lite0
from crcl_core.encoders.pinned_weights import IMAGE_WEIGHTS
from crcl_core.types import EncoderError
from tests.crcl_core.encoders.pictures import shape_picture

# Kernel, stride, expansion, output channels, repeats of each stage; the network's published table.
STAGES = ((3, 1, 1, 16, 1), (3, 2, 6, 24, 2), (5, 2, 6, 40, 2), (3, 2, 6, 80, 3), (5, 1, 6, 112, 3), (5, 2, 6, 192, 4),
          (3, 1, 6, 320, 1))  # fmt: skip


class _SlowLite0:
    """EfficientNet-Lite0 in plain operations, which reads the checkpoint by its own names."""

    def __init__(self) -> None:
        path = IMAGE_WEIGHTS.verified_path()
        self.weights: dict[str, torch.Tensor] = torch.load(path, weights_only=True)

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        x = functional.relu6(self._convolve(x, "_conv_stem", "_bn0", stride=2))
        number = 0
        for kernel, stride, expansion, channels, repeats in STAGES:
            for repeat in range(repeats):
                x = self._block(x, f"_blocks.{number}.", stride if repeat == 0 else 1, expansion)
                assert x.shape[1] == channels
                assert self.weights[f"_blocks.{number}._depthwise_conv.weight"].shape[-1] == kernel
                number += 1
        x = functional.relu6(self._convolve(x, "_conv_head", "_bn1"))
        return x.mean(dim=(2, 3)) @ self.weights["_fc.weight"].T + self.weights["_fc.bias"]

    def _block(self, x: torch.Tensor, prefix: str, stride: int, expansion: int) -> torch.Tensor:
        y = x
        if expansion > 1:
            y = functional.relu6(self._convolve(y, f"{prefix}_expand_conv", f"{prefix}_bn0"))
        depthwise = self._convolve(y, f"{prefix}_depthwise_conv", f"{prefix}_bn1", stride=stride, groups=y.shape[1])
        y = self._convolve(functional.relu6(depthwise), f"{prefix}_project_conv", f"{prefix}_bn2")
        return x + y if x.shape == y.shape else y

    def _convolve(self, x: torch.Tensor, convolution: str, norm: str, stride: int = 1, groups: int = 1) -> torch.Tensor:
        kernel = self.weights[f"{convolution}.weight"]
        # TensorFlow's "same" padding: what is odd goes to the bottom and the right.
        total = max((-(-x.shape[-1] // stride) - 1) * stride + kernel.shape[-1] - x.shape[-1], 0)
        before, after = total // 2, total - total // 2
        y = functional.conv2d(functional.pad(x, (before, after, before, after)), kernel, stride=stride, groups=groups)
        mean, variance, scale, shift = (
            self.weights[f"{norm}.{part}"].view(-1, 1, 1) for part in ("running_mean", "running_var", "weight", "bias")
        )
        return (y - mean) / torch.sqrt(variance + 1e-3) * scale + shift


@pytest.fixture(scope="module")
def pixels() -> torch.Tensor:
    """Two pictures and one of noise, (3, 224, 224, 3) uint8."""
    pictures = [shape_picture("red", "disc", 3, (224, 224)), shape_picture("blue", "triangle", 4, (224, 224))]
    noise = torch.randint(0, 256, (224, 224, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    drawn = [torch.frombuffer(bytearray(picture.tobytes()), dtype=torch.uint8) for picture in pictures]
    return torch.stack([*(picture.view(224, 224, 3) for picture in drawn), noise])


def _scaled(pixels: torch.Tensor) -> torch.Tensor:
    return (pixels.permute(0, 3, 1, 2).float() - 127) / 128


class TestLite0:
    def test_logits_equal_the_published_architecture_on_the_named_weights(self, pixels: torch.Tensor) -> None:
        with torch.no_grad():
            expected = _SlowLite0()(_scaled(pixels))
            found = load_lite0()(_scaled(pixels))

        assert found.shape == (3, 1000)
        assert expected.std() > 0.5  # the logits say something, so that their equality does too
        torch.testing.assert_close(found, expected, atol=1e-4, rtol=0)

    def test_logits_are_the_same_every_time(self, pixels: torch.Tensor) -> None:
        with torch.no_grad():
            torch.testing.assert_close(load_lite0()(_scaled(pixels)), load_lite0()(_scaled(pixels)), atol=0, rtol=0)

    def test_refuses_weights_that_are_not_the_pinned_ones(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(offline_networks, "IMAGE_WEIGHTS", replace(IMAGE_WEIGHTS, sha256="0" * 64))

        with pytest.raises(EncoderError, match=r"efficientnet-lite0-57934424.pth: SHA-256 is 5793.*expected 0000"):
            load_lite0()


class TestPairByPosition:
    def test_refuses_another_number_of_tensors(self) -> None:
        with pytest.raises(EncoderError, match="hold 1 tensors, timm's tf_efficientnet_lite0 2"):
            offline_networks._pair_by_position({"a": torch.ones(1)}, {"b": torch.ones(1), "c": torch.ones(1)})

    def test_refuses_another_shape(self) -> None:
        with pytest.raises(EncoderError, match=r"a has shape \(2,\), timm expects \(3,\) for b"):
            offline_networks._pair_by_position({"a": torch.ones(2)}, {"b": torch.ones(3)})


class TestImageNetwork:
    def test_is_what_the_classifier_sees(self, pixels: torch.Tensor) -> None:
        lite0 = load_lite0()
        with torch.no_grad():
            features, feature_map = load_image_network()(pixels)
            logits = lite0.classifier(features)  # type: ignore[operator]  # timm is untyped

            torch.testing.assert_close(logits, lite0(_scaled(pixels)), atol=1e-4, rtol=0)
            torch.testing.assert_close(feature_map.mean(dim=(2, 3)), features, atol=0, rtol=0)
            assert feature_map.shape == (3, 1280, 7, 7)


class TestCaptionNetwork:
    def test_ignores_what_the_mask_hides(self) -> None:
        network = load_caption_network()
        ids = torch.tensor([[101, 3899, 102, 2417, 2417]])
        mask = torch.tensor([[1, 1, 1, 0, 0]])

        with torch.no_grad():
            padded = network(ids, mask)
            plain = network(ids[:, :3], mask[:, :3])

        torch.testing.assert_close(padded, plain, atol=1e-5, rtol=0)
        torch.testing.assert_close(padded.norm(dim=1), torch.ones(1), atol=1e-5, rtol=0)
