"""What the regions of every encoder must keep to."""

import numpy as np
import pytest
from PIL import Image

from crcl_core.encoders import Encoder
from crcl_core.types import FloatArray
from tests.crcl_core.encoders.pictures import shape_picture

ODD_IMAGES = (
    Image.new("RGB", (1, 1), "red"),
    Image.new("L", (40, 30), 90),
    Image.new("1", (3, 5)),
    Image.new("RGBA", (500, 2)),
)


def encode_regions(encoder: Encoder, images: list[Image.Image], n_grid_regions: int) -> FloatArray:
    """Prepare images and embed their regions."""
    return encoder.encode_prepared_regions(np.stack([encoder.prepare_image(image) for image in images]), n_grid_regions)


def check_regions(encoder: Encoder, allowed: tuple[int, ...]) -> None:
    """Check shapes, the global region, determinism, independence of the batch and odd images; for a square map."""
    assert encoder.region_dim is not None
    pictures = [shape_picture("red", "disc", seed, (120, 90)) for seed in range(5)] + list(ODD_IMAGES)
    for number in allowed:
        regions = encode_regions(encoder, pictures, number)
        scale = float(np.abs(regions).max())

        assert regions.dtype == np.float32
        assert regions.shape == (len(pictures), number + 1, encoder.region_dim)
        assert np.isfinite(regions).all()
        np.testing.assert_array_equal(encode_regions(encoder, pictures, number), regions)
        alone = np.concatenate([encode_regions(encoder, [picture], number) for picture in pictures])
        np.testing.assert_allclose(alone, regions, atol=1e-5 * scale, rtol=0)
        # One cell, or a cell a position: cells of equal size, so the global region is their mean.
        if number in (1, allowed[-1]):
            np.testing.assert_allclose(regions[:, :-1].mean(axis=1), regions[:, -1], atol=1e-5 * scale, rtol=0)


def check_refusals(encoder: Encoder, allowed: tuple[int, ...]) -> None:
    """Check an empty batch, batches that were not prepared, and numbers of regions that the map does not hold."""
    empty = np.empty((0, *encoder.prepared_shape), dtype=np.uint8)
    assert encoder.encode_prepared_regions(empty, allowed[-1]).shape == (0, allowed[-1] + 1, encoder.region_dim)
    with pytest.raises(ValueError, match="a prepared batch is uint8"):
        encoder.encode_prepared_regions(empty.astype(np.float32), 1)
    side = len(allowed) + 1
    for number in (0, 2, side * side):
        with pytest.raises(ValueError, match=rf"n_grid_regions is {number}, .* holds: 1(, \d+)*$"):
            encoder.encode_prepared_regions(empty, number)
        with pytest.raises(ValueError, match=rf"n_grid_regions is {number}, .* holds: 1(, \d+)*$"):
            encoder.region_fingerprint(number)
    fingerprints = {encoder.region_fingerprint(number) for number in allowed} | {encoder.fingerprint}
    assert len(fingerprints) == len(allowed) + 1
    assert {len(fingerprint) for fingerprint in fingerprints} == {64}
