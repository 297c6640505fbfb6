"""Tests of the stage that encodes a corpus."""

import json
import threading
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from app.core.storage import LocalStorage
from crcl_core.encoders.toy import ToyEncoder
from tests.crcl_core.encoders.pictures import shape_picture
from worker.stages import encoding
from worker.stages.encoding import encode_corpus

CAPTIONS = ["a red disc", "", "zwei Wörter\nund eine Zeile", "disc " * 300]


def _png(picture: Image.Image) -> bytes:
    file = BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def _spec(folder: Path, shards: list[list[bytes]], captions: list[str]) -> dict[str, object]:
    """Write the inputs as the feature phase does; images are read shard by shard."""
    storage = LocalStorage(folder / "storage")
    places = []
    for number, members in enumerate(shards):
        with storage.writer(f"shard-{number}") as file:
            for data in members:
                places.append((number, file.tell(), len(data)))
                file.write(data)
    shard, offset, n_bytes = np.array(places, dtype=np.int64).reshape(-1, 3).T
    keys = np.array([f"shard-{number}" for number in range(len(shards))], dtype=np.str_)
    np.savez(folder / "places.npz", shard_keys=keys, shard=shard, offset=offset, n_bytes=n_bytes)
    (folder / "captions.jsonl").write_text("".join(json.dumps(caption) + "\n" for caption in captions))
    (folder / "out").mkdir()
    return {
        "encoder": "toy",
        "encoders": {"toy": "toy"},
        "cache": str(folder),
        "device": "cpu",
        "n_threads": 2,
        "storage_url": (folder / "storage").as_uri(),
        "objects": str(folder / "objects"),
        "images": str(folder / "places.npz"),
        "captions": str(folder / "captions.jsonl"),
        "known": [],
        "out": str(folder / "out"),
    }


def _results(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    images, captions = (np.load(folder / "out" / name, allow_pickle=False) for name in ("images.npy", "captions.npy"))
    return images, captions


class TestEncodeCorpus:
    @pytest.mark.parametrize("n_images", [1, 63, 64, 65, 150])
    def test_gives_what_the_encoder_gives_in_order(self, tmp_path: Path, n_images: int) -> None:
        pictures = [shape_picture("red", "disc", seed) for seed in range(n_images)]
        files = [_png(picture) for picture in pictures]

        said = encode_corpus(_spec(tmp_path, [files[:40], files[40:]], CAPTIONS), lambda _: None)

        images, captions = _results(tmp_path)
        alone = np.concatenate([ToyEncoder().encode_images([picture]) for picture in pictures])
        np.testing.assert_allclose(images, alone, atol=1e-6)
        np.testing.assert_allclose(captions, ToyEncoder().encode_captions(CAPTIONS), atol=1e-6)
        assert images.dtype == captions.dtype == np.float32
        assert (said["is_known"], said["fingerprint"]) == (False, ToyEncoder().fingerprint)
        assert min(said["seconds"].values()) > 0

    def test_takes_odd_images(self, tmp_path: Path) -> None:
        odd = [Image.new("L", (1, 1), 80), Image.new("1", (3, 900)), Image.new("RGBA", (40, 2)), Image.new("P", (9, 9))]

        encode_corpus(_spec(tmp_path, [[_png(image) for image in odd]], CAPTIONS), lambda _: None)

        assert np.isfinite(_results(tmp_path)[0]).all()

    def test_nothing_gives_nothing(self, tmp_path: Path) -> None:
        encode_corpus(_spec(tmp_path, [], []), lambda _: None)

        images, captions = _results(tmp_path)
        assert (images.shape, captions.shape) == ((0, ToyEncoder().image_dim), (0, ToyEncoder().caption_dim))

    def test_twice_gives_the_same_bytes(self, tmp_path: Path) -> None:
        spec = _spec(tmp_path, [[_png(shape_picture("blue", "square", seed)) for seed in range(70)]], CAPTIONS)

        encode_corpus(spec, lambda _: None)
        first = [(tmp_path / "out" / name).read_bytes() for name in ("images.npy", "captions.npy")]
        encode_corpus(spec, lambda _: None)

        assert [(tmp_path / "out" / name).read_bytes() for name in ("images.npy", "captions.npy")] == first

    def test_progress_rises_to_the_total(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(encoding, "_TELL_S", -1.0)
        spec = _spec(tmp_path, [[_png(shape_picture("red", "disc", seed)) for seed in range(130)]], CAPTIONS)
        told: list[tuple[int, int]] = []

        encode_corpus(spec, lambda message: told.append((message["done"], message["total"])))

        assert told == [(320, 654), (640, 654), (650, 654), (654, 654)]

    def test_a_slow_store_is_asked_for_several_images_at_once(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        # Every read waits for seven others, which a reader that goes one by one could not pass.
        together = threading.Barrier(8)
        read = LocalStorage.read_range

        def waiting(storage: LocalStorage, key: str, offset: int, n_bytes: int) -> bytes:
            together.wait(timeout=10)
            return read(storage, key, offset, n_bytes)

        monkeypatch.setattr(LocalStorage, "read_range", waiting)
        files = [_png(shape_picture("red", "disc", seed)) for seed in range(16)]

        encode_corpus(_spec(tmp_path, [files], []), lambda _: None)

        assert _results(tmp_path)[0].shape == (16, ToyEncoder().image_dim)

    def test_an_image_that_cannot_be_read_ends_the_stage(self, tmp_path: Path) -> None:
        files = [_png(shape_picture("red", "disc", seed)) for seed in range(80)]
        files[70] = b"\x89PNG\r\n\x1a\nnot a picture"

        with pytest.raises(Exception, match="cannot identify image file"):
            encode_corpus(_spec(tmp_path, [files], CAPTIONS), lambda _: None)
