"""Tests of the toy encoder."""

import itertools

import numpy as np
import pytest
from PIL import Image

from crcl_core.encoders import Modality
from crcl_core.encoders.toy import ToyEncoder
from crcl_core.types import FloatArray, IntArray
from tests.crcl_core.encoders.pictures import COLOURS, shape_picture
from tests.crcl_core.encoders.region_contract import check_refusals, check_regions, encode_regions

SHAPES = ("disc", "square", "triangle")


def _probe_accuracy(features: FloatArray, targets: IntArray) -> float:
    """Fit ridge regression to one-hot targets on the first half of the rows; how often is it right on the second?"""
    half = len(features) // 2
    design = np.concatenate([features, np.ones((len(features), 1), dtype=np.float32)], axis=1).astype(np.float64)
    one_hot = np.eye(int(targets.max()) + 1)[targets]
    gram = design[:half].T @ design[:half] + 1e-2 * np.eye(design.shape[1])
    weights = np.linalg.solve(gram, design[:half].T @ one_hot[:half])
    return float(np.mean((design[half:] @ weights).argmax(axis=1) == targets[half:]))


def _labelled_pictures(n_each: int) -> tuple[FloatArray, IntArray, IntArray]:
    combinations = list(itertools.product(range(len(COLOURS)), range(len(SHAPES)))) * n_each
    names = list(COLOURS)
    pictures = [shape_picture(names[colour], SHAPES[shape], seed) for seed, (colour, shape) in enumerate(combinations)]
    colours, shapes = np.array(combinations, dtype=np.int64).T
    return ToyEncoder().encode_images(pictures), colours, shapes


class TestToyEncoder:
    def test_a_linear_probe_reads_the_colour(self) -> None:
        features, colours, _ = _labelled_pictures(40)

        assert _probe_accuracy(features, colours) > 0.95

    def test_a_linear_probe_reads_the_shape_far_above_chance(self) -> None:
        features, _, shapes = _labelled_pictures(60)

        assert _probe_accuracy(features, shapes) > 0.6

    def test_a_linear_probe_reads_the_colour_word(self) -> None:
        rng = np.random.default_rng(0)
        words = list(COLOURS)
        colours = rng.integers(0, len(words), 200)
        captions = [f"{rng.choice(['A', 'one'])} {words[c]} {rng.choice(SHAPES)}, somewhere." for c in colours]

        assert _probe_accuracy(ToyEncoder().encode_captions(captions), colours) == 1.0

    def test_a_caption_has_length_one_and_ignores_case_and_punctuation(self) -> None:
        first, second = ToyEncoder().encode_captions(["A red disc!", "a RED disc"])

        assert np.linalg.norm(first) == pytest.approx(1.0, abs=1e-6)
        np.testing.assert_array_equal(first, second)

    def test_word_order_counts(self) -> None:
        first, second = ToyEncoder().encode_captions(["red disc blue square", "blue disc red square"])

        assert not np.array_equal(first, second)

    @pytest.mark.parametrize("caption", ["", "  ", "?!", "\ud800"])
    def test_a_caption_without_a_word_is_finite(self, caption: str) -> None:
        assert np.isfinite(ToyEncoder().encode_captions([caption])).all()

    def test_is_deterministic_across_instances(self) -> None:
        picture = shape_picture("red", "disc", 1)

        np.testing.assert_array_equal(ToyEncoder().encode_images([picture]), ToyEncoder("b").encode_images([picture]))
        assert ToyEncoder().fingerprint == ToyEncoder("b").fingerprint

    def test_a_vector_does_not_depend_on_its_neighbours(self) -> None:
        encoder = ToyEncoder()
        pictures = [shape_picture("red", "disc", seed) for seed in range(300)]

        together = encoder.encode_images(pictures)

        np.testing.assert_allclose(encoder.encode_images(pictures[299:]), together[299:], atol=1e-6)

    @pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK"])
    def test_takes_other_colour_modes(self, mode: str) -> None:
        assert ToyEncoder().prepare_image(Image.new(mode, (7, 300))).shape == (64, 64, 3)

    def test_nothing_gives_nothing(self) -> None:
        encoder = ToyEncoder()

        assert encoder.encode_images([]).shape == (0, encoder.image_dim)
        assert encoder.encode_captions([]).shape == (0, encoder.caption_dim)

    def test_supports_both_modalities_and_has_no_joint_space(self) -> None:
        encoder = ToyEncoder()

        assert encoder.supports(Modality.IMAGE)
        assert encoder.supports(Modality.CAPTION)
        assert encoder.joint_dim is None

    def test_refuses_a_batch_that_was_not_prepared(self) -> None:
        with pytest.raises(ValueError, match=r"uint8 of shape \(B, 64, 64, 3\), got float32 of shape \(1, 64, 64, 3\)"):
            ToyEncoder().encode_prepared(np.zeros((1, 64, 64, 3), dtype=np.float32))


class TestRegions:
    def test_keep_to_what_regions_are(self) -> None:
        check_regions(ToyEncoder(), (1, 4, 9, 16))
        check_refusals(ToyEncoder(), (1, 4, 9, 16))

    def test_a_cell_shows_the_colour_of_its_place(self) -> None:
        picture = Image.new("RGB", (64, 64), "black")
        picture.paste((255, 0, 0), (32, 0, 64, 32))

        ((top_left, top_right, bottom_left, bottom_right, everywhere),) = encode_regions(ToyEncoder(), [picture], 4)

        np.testing.assert_allclose(top_right[:3], [1.0, 0.0, 0.0])
        np.testing.assert_allclose([top_left[:3], bottom_left[:3], bottom_right[:3]], np.zeros((3, 3)))
        np.testing.assert_allclose(everywhere[:3], [0.25, 0.0, 0.0])

    def test_many_images_are_encoded_in_steps(self) -> None:
        pictures = [shape_picture("red", "disc", seed) for seed in range(300)]

        together = encode_regions(ToyEncoder(), pictures, 9)

        np.testing.assert_allclose(encode_regions(ToyEncoder(), pictures[299:], 9), together[299:], atol=1e-6)
