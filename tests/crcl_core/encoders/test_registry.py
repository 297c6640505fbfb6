"""Tests of the encoder registry."""

from pathlib import Path

import pytest

from crcl_core.encoders import EncoderKind, EncoderSpec, load_encoder, parse_encoders
from crcl_core.types import EncoderError


class TestParseEncoders:
    def test_reads_every_kind(self) -> None:
        specs = {"a": "offline", "b": "toy", "c": "open_clip:ViT-B-32@laion2b_s34b_b79k"}

        assert parse_encoders(specs) == {
            "a": EncoderSpec(EncoderKind.OFFLINE),
            "b": EncoderSpec(EncoderKind.TOY),
            "c": EncoderSpec(EncoderKind.OPEN_CLIP, "ViT-B-32", "laion2b_s34b_b79k"),
        }

    def test_keeps_an_at_sign_and_a_colon_in_a_path(self) -> None:
        spec = parse_encoders({"clip": "open_clip:ViT-B-32@/models/me@work:1/clip.pt"})["clip"]

        assert spec.weights == "/models/me@work:1/clip.pt"

    def test_no_encoders_are_none(self) -> None:
        assert parse_encoders({}) == {}

    @pytest.mark.parametrize(
        "text", ["", "clip", "offline:x", "toy:1", "open_clip", "open_clip:", "open_clip:ViT-B-32", "open_clip:@a"]
    )
    def test_refuses_another_form_and_says_what_is_allowed(self, text: str) -> None:
        with pytest.raises(EncoderError, match=r"encoder 'mine'.*expected 'offline', 'toy' or 'open_clip:MODEL@"):
            parse_encoders({"mine": text})

    def test_refuses_an_empty_name(self) -> None:
        with pytest.raises(EncoderError, match="needs a name"):
            parse_encoders({" ": "toy"})


class TestLoadEncoder:
    def test_loads_by_the_registered_name(self, tmp_path: Path) -> None:
        encoder = load_encoder("small", {"small": "toy"}, cache_dir=tmp_path)

        assert encoder.name == "small"
        assert encoder.encode_captions(["a red disc"]).shape == (1, encoder.caption_dim)

    def test_an_unknown_name_lists_the_registered_ones(self, tmp_path: Path) -> None:
        with pytest.raises(EncoderError, match="'clip' is not registered; registered: offline, small"):
            load_encoder("clip", {"small": "toy", "offline": "offline"}, cache_dir=tmp_path)

    def test_says_when_none_is_registered(self, tmp_path: Path) -> None:
        with pytest.raises(EncoderError, match="registered: none"):
            load_encoder("clip", {}, cache_dir=tmp_path)

    def test_a_specification_is_not_a_name(self, tmp_path: Path) -> None:
        with pytest.raises(EncoderError, match="is not registered"):
            load_encoder("open_clip:ViT-B-32@/etc/passwd", {"small": "toy"}, cache_dir=tmp_path)

    def test_loads_the_offline_encoder(self, offline_cache: Path) -> None:
        encoder = load_encoder("default", {"default": "offline"}, cache_dir=offline_cache, threads=1)

        assert (encoder.name, encoder.image_dim, encoder.caption_dim) == ("default", 1280, 384)
