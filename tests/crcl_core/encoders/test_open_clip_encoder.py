"""Tests of the open_clip encoder with a tiny model, random weights and no network."""

import json
import socket
from pathlib import Path
from typing import NoReturn

import numpy as np
import open_clip
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from crcl_core.encoders import Modality, load_encoder
from crcl_core.encoders.open_clip_encoder import OpenClipEncoder, load_open_clip_encoder
from crcl_core.types import EncoderError
from tests.crcl_core.encoders.pictures import shape_picture
from tests.crcl_core.encoders.region_contract import check_refusals, check_regions

MODEL = "mispair-tiny"
CONFIG = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "patch_size": 16, "head_width": 16},
    "text_cfg": {"context_length": 12, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
}


def _new_model(seed: int) -> torch.nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model: torch.nn.Module = open_clip.create_model(MODEL)
    return model.eval()


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> NoReturn:
        raise AssertionError("the encoder reached for the network")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.fixture(scope="module", autouse=True)
def _tiny_model(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("configs") / f"{MODEL}.json"
    path.write_text(json.dumps(CONFIG))
    open_clip.add_model_config(path)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory, _tiny_model: None) -> Path:
    path = tmp_path_factory.mktemp("weights") / "clip.pt"
    torch.save({"state_dict": _new_model(0).state_dict(), "epoch": 3}, path)
    return path


@pytest.fixture(scope="module")
def encoder(checkpoint: Path) -> OpenClipEncoder:
    return load_open_clip_encoder("clip", MODEL, str(checkpoint))


class TestOpenClipEncoder:
    @pytest.mark.parametrize("size", [(32, 32), (90, 50), (50, 90), (8, 8)])
    def test_images_equal_open_clips_own_pipeline(self, encoder: OpenClipEncoder, size: tuple[int, int]) -> None:
        picture = Image.effect_noise(size, 60).convert("RGB")
        model = _new_model(0)
        transform = open_clip.image_transform(32, is_train=False)

        with torch.no_grad():
            expected = model.encode_image(transform(picture)[None], normalize=True)  # type: ignore[operator]  # untyped

        np.testing.assert_allclose(encoder.encode_images([picture]), expected.numpy(), atol=1e-5)

    def test_captions_equal_open_clips_own_pipeline(self, encoder: OpenClipEncoder) -> None:
        captions = ["a red disc", "", "word " * 100]
        tokens = open_clip.get_tokenizer(MODEL)(captions)

        with torch.no_grad():
            expected = _new_model(0).encode_text(tokens, normalize=True)  # type: ignore[operator]  # open_clip is untyped

        np.testing.assert_allclose(encoder.encode_captions(captions), expected.numpy(), atol=1e-5)

    def test_both_live_in_one_space_and_have_length_one(self, encoder: OpenClipEncoder) -> None:
        images = encoder.encode_images([shape_picture("red", "disc", seed) for seed in range(20)])
        captions = encoder.encode_captions([f"a disc number {number}" for number in range(70)])

        assert encoder.joint_dim == encoder.image_dim == encoder.caption_dim == 16
        assert images.dtype == captions.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(images, axis=1), 1.0, atol=1e-5)
        np.testing.assert_allclose(np.linalg.norm(captions, axis=1), 1.0, atol=1e-5)

    def test_rows_keep_their_order_over_several_steps(self, encoder: OpenClipEncoder) -> None:
        captions = [f"a disc number {number}" for number in range(70)]

        np.testing.assert_allclose(
            encoder.encode_captions(captions)[69:], encoder.encode_captions(captions[69:]), atol=1e-5
        )

    def test_prepares_bytes_and_takes_a_read_only_batch(self, encoder: OpenClipEncoder) -> None:
        batch = encoder.prepare_image(Image.new("RGBA", (40, 70)))[None]
        batch.flags.writeable = False

        assert batch.dtype == np.uint8
        assert batch.shape == (1, *encoder.prepared_shape)
        assert encoder.encode_prepared(batch).shape == (1, 16)

    def test_nothing_gives_nothing(self, encoder: OpenClipEncoder) -> None:
        assert encoder.encode_images([]).shape == (0, 16)
        assert encoder.encode_captions([]).shape == (0, 16)

    def test_a_lone_surrogate_is_read_as_a_question_mark(self, encoder: OpenClipEncoder) -> None:
        first, second = encoder.encode_captions(["disc \ud800", "disc ?"])

        np.testing.assert_array_equal(first, second)

    def test_supports_both_modalities(self, encoder: OpenClipEncoder) -> None:
        assert encoder.supports(Modality.IMAGE)
        assert encoder.supports(Modality.CAPTION)

    def test_refuses_a_batch_of_another_size(self, encoder: OpenClipEncoder) -> None:
        with pytest.raises(ValueError, match=r"\(B, 32, 32, 3\)"):
            encoder.encode_prepared(np.zeros((1, 224, 224, 3), dtype=np.uint8))

    @pytest.mark.gpu
    def test_mixed_precision_stays_near_single(self, encoder: OpenClipEncoder, checkpoint: Path) -> None:
        pictures = [shape_picture("red", "disc", seed) for seed in range(4)]

        on_card = load_open_clip_encoder("clip", MODEL, str(checkpoint), device="cuda")

        products = (on_card.encode_images(pictures) * encoder.encode_images(pictures)).sum(axis=1)
        assert products.min() > 0.99


class TestRegions:
    def test_keep_to_what_regions_are(self, encoder: OpenClipEncoder) -> None:
        assert encoder.region_dim == 32  # the width of the tower, not of the joint space

        check_regions(encoder, (1, 4))
        check_refusals(encoder, (1, 4))

    def test_are_the_patch_tokens_after_the_final_norm(self, encoder: OpenClipEncoder) -> None:
        picture = shape_picture("red", "disc", 0).resize((32, 32))
        visual = _new_model(0).visual
        # open_clip's own way to see the tokens behind the pooled vector.
        visual.output_tokens = True  # type: ignore[union-attr]  # open_clip is untyped
        pixels = open_clip.image_transform(32, is_train=False)(picture)[None]

        with torch.no_grad():
            _, tokens = visual(pixels)  # type: ignore[operator]  # open_clip is untyped

        found = encoder.encode_prepared_regions(encoder.prepare_image(picture)[None], 4)
        np.testing.assert_allclose(found[:, :-1], tokens.numpy(), atol=1e-5)

    def test_a_tower_without_a_map_says_so(self, checkpoint: Path) -> None:
        other = load_open_clip_encoder("clip", MODEL, str(checkpoint))
        other._visual = torch.nn.Identity()
        batch = np.zeros((1, *other.prepared_shape), dtype=np.uint8)

        assert other.region_dim is None
        assert other.encode_prepared(batch).shape == (1, 16)
        with pytest.raises(EncoderError, match="'clip': its image tower, Identity, has no feature map"):
            other.encode_prepared_regions(batch, 4)
        with pytest.raises(EncoderError, match="has no feature map"):
            other.region_fingerprint(4)

    @pytest.mark.gpu
    def test_mixed_precision_stays_near_single(self, encoder: OpenClipEncoder, checkpoint: Path) -> None:
        batch = np.stack([encoder.prepare_image(shape_picture("red", "disc", seed)) for seed in range(4)])

        on_card = load_open_clip_encoder("clip", MODEL, str(checkpoint), device="cuda")

        expected = encoder.encode_prepared_regions(batch, 4)
        np.testing.assert_allclose(on_card.encode_prepared_regions(batch, 4), expected, atol=0.05)


class TestLoading:
    def test_by_registered_name(self, checkpoint: Path, tmp_path: Path) -> None:
        encoder = load_encoder("mine", {"mine": f"open_clip:{MODEL}@{checkpoint}"}, cache_dir=tmp_path)

        assert (encoder.name, encoder.joint_dim) == ("mine", 16)

    def test_safetensors_of_the_same_weights_is_the_same_encoder(
        self, encoder: OpenClipEncoder, tmp_path: Path
    ) -> None:
        save_file(_new_model(0).state_dict(), tmp_path / "clip.safetensors")

        other = load_open_clip_encoder("b", MODEL, str(tmp_path / "clip.safetensors"))

        assert other.fingerprint == encoder.fingerprint

    def test_other_weights_are_another_encoder(self, encoder: OpenClipEncoder, tmp_path: Path) -> None:
        torch.save(_new_model(1).state_dict(), tmp_path / "clip.pt")

        assert load_open_clip_encoder("clip", MODEL, str(tmp_path / "clip.pt")).fingerprint != encoder.fingerprint

    def test_the_configuration_beside_the_file_sets_the_transform(
        self, encoder: OpenClipEncoder, tmp_path: Path
    ) -> None:
        torch.save(_new_model(0).state_dict(), tmp_path / "clip.pt")
        preprocess = {"mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5], "resize_mode": "squash"}
        (tmp_path / "open_clip_config.json").write_text(json.dumps({"preprocess_cfg": preprocess}))

        other = load_open_clip_encoder("clip", MODEL, str(tmp_path / "clip.pt"))

        wide = Image.new("RGB", (64, 32), "white")
        wide.paste((0, 0, 0), (0, 0, 10, 32))
        assert other.fingerprint != encoder.fingerprint
        assert other.prepare_image(wide)[16, 1].max() < 30  # squashed: the left edge is kept
        assert encoder.prepare_image(wide)[16, 1].min() > 200  # cropped: it is not

    def test_a_broken_configuration_beside_the_file_is_named(self, tmp_path: Path) -> None:
        torch.save(_new_model(0).state_dict(), tmp_path / "clip.pt")
        (tmp_path / "open_clip_config.json").write_text("{")

        with pytest.raises(EncoderError, match=r"open_clip_config.json: not a configuration"):
            load_open_clip_encoder("clip", MODEL, str(tmp_path / "clip.pt"))

    def test_an_unknown_model_names_its_neighbours(self, checkpoint: Path) -> None:
        with pytest.raises(EncoderError, match=r"encoder 'clip': open_clip knows no model 'ViT-B-31'.*ViT-B-32"):
            load_open_clip_encoder("clip", "ViT-B-31", str(checkpoint))

    def test_an_unknown_tag_lists_the_tags(self) -> None:
        with pytest.raises(EncoderError, match=r"'laion9b' is neither a checkpoint file nor a tag.*laion2b_s34b_b79k"):
            load_open_clip_encoder("clip", "ViT-B-32", "laion9b")

    def test_a_missing_file_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(EncoderError, match=r"gone.pt' is neither a checkpoint file nor a tag of .*tags: none"):
            load_open_clip_encoder("clip", MODEL, str(tmp_path / "gone.pt"))

    @pytest.mark.parametrize("name", ["clip.pt", "clip.safetensors", "clip.npz"])
    @pytest.mark.parametrize("content", [b"", b"not weights at all" * 20])
    def test_an_unreadable_file_is_named(self, tmp_path: Path, name: str, content: bytes) -> None:
        (tmp_path / name).write_bytes(content)

        with pytest.raises(EncoderError, match=rf"checkpoint .*{name} cannot be loaded as {MODEL}"):
            load_open_clip_encoder("clip", MODEL, str(tmp_path / name))

    @pytest.mark.parametrize("saved", [{}, [1, 2], {"state_dict": 5}, {"x": torch.ones(3)}])
    def test_a_file_without_this_models_weights_is_named(self, tmp_path: Path, saved: object) -> None:
        torch.save(saved, tmp_path / "clip.pt")

        with pytest.raises(EncoderError, match=rf"clip.pt cannot be loaded as {MODEL}"):
            load_open_clip_encoder("clip", MODEL, str(tmp_path / "clip.pt"))

    def test_code_in_a_checkpoint_does_not_run(self, tmp_path: Path) -> None:
        torch.save(_WritesWhenRead(str(tmp_path / "ran")), tmp_path / "clip.pt")

        with pytest.raises(EncoderError, match="cannot be loaded"):
            load_open_clip_encoder("clip", MODEL, str(tmp_path / "clip.pt"))

        assert not (tmp_path / "ran").exists()

    def test_an_unknown_device_is_refused(self, checkpoint: Path) -> None:
        with pytest.raises(ValueError, match="device is 'gpu'"):
            load_open_clip_encoder("clip", MODEL, str(checkpoint), device="gpu")


class _WritesWhenRead:
    """Unpickling this without care creates a file."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return (open, (self.path, "w"))
