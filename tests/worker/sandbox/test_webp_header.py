"""The size of a WebP file without its decoder."""

import io

import pytest
from PIL import Image

from worker.sandbox.webp_header import webp_size


def webp(*, n_frames: int = 1, lossless: bool) -> bytes:
    frames = [Image.new("RGB", (300, 17), (40 * n, 0, 0)) for n in range(n_frames)]
    file = io.BytesIO()
    frames[0].save(file, "WEBP", lossless=lossless, save_all=n_frames > 1, append_images=frames[1:])
    return file.getvalue()


@pytest.mark.parametrize("n_frames", [1, 3])
@pytest.mark.parametrize("lossless", [False, True])
def test_every_kind_of_header(n_frames: int, lossless: bool) -> None:
    assert webp_size(webp(n_frames=n_frames, lossless=lossless)) == (300, 17)


def test_a_header_that_is_cut_off_has_none() -> None:
    assert webp_size(webp(lossless=True)[:28]) is None


def test_another_kind_has_none() -> None:
    assert webp_size(b"RIFF\x40\0\0\0WEBPXMP " + bytes(40)) is None
