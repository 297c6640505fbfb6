from pathlib import Path

import numpy as np
import pytest
import torch

from crcl_core.data import PairFeatures
from crcl_core.training.feature_bank import PRELOAD_LIMIT_BYTES, FeatureBank

CPU = torch.device("cpu")
PAIRS = torch.tensor([3, 0, 3])


@pytest.fixture
def features(tmp_path: Path) -> PairFeatures:
    """Three images and four captions, memory-mapped read-only."""
    np.save(tmp_path / "images.npy", np.arange(6, dtype=np.float32).reshape(3, 2))
    np.save(tmp_path / "captions.npy", np.arange(8, dtype=np.float32).reshape(4, 2))
    return PairFeatures(
        image_features=np.load(tmp_path / "images.npy", mmap_mode="r"),
        caption_features=np.load(tmp_path / "captions.npy", mmap_mode="r"),
        image_index=np.array([2, 1, 0, 0]),
        caption_index=np.array([0, 1, 2, 3]),
    )


@pytest.mark.parametrize("limit_bytes", [0, PRELOAD_LIMIT_BYTES], ids=["mapped", "preloaded"])
class TestFeatureBank:
    def test_gathers_the_rows_of_pairs(self, features: PairFeatures, limit_bytes: int) -> None:
        bank = FeatureBank(features, CPU, preload_limit_bytes=limit_bytes)
        assert bank.image_rows(PAIRS).tolist() == [[0, 1], [4, 5], [0, 1]]
        assert bank.caption_rows(PAIRS).tolist() == [[6, 7], [0, 1], [6, 7]]

    def test_gives_the_indices_of_pairs(self, features: PairFeatures, limit_bytes: int) -> None:
        images, captions = FeatureBank(features, CPU, preload_limit_bytes=limit_bytes).indices(PAIRS)
        assert (images.tolist(), captions.tolist()) == ([0, 2, 0], [3, 0, 3])

    def test_never_writes_to_the_features(self, features: PairFeatures, limit_bytes: int) -> None:
        FeatureBank(features, CPU, preload_limit_bytes=limit_bytes).image_rows(PAIRS).zero_()
        assert features.image_features[0].tolist() == [0, 1]
