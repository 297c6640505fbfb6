from pathlib import Path

import numpy as np
import torch

from crcl_core.models import MatchingHeads, ModelKind, build_model
from crcl_core.training import embed_captions, embed_images, similarity_matrix
from crcl_core.training.state import model_spec
from tests.crcl_core.training.worded_corpora import small_config, worded_corpus


class TestEmbedding:
    def test_equals_the_heads_in_evaluation_mode(self) -> None:
        heads = MatchingHeads(6, 5, 4, dropout=0.5)
        images = np.random.default_rng(0).normal(size=(9, 6)).astype(np.float32)
        embedded = embed_images(heads, images)
        with torch.inference_mode():
            expected = heads.eval().embed_images(torch.from_numpy(images))
        np.testing.assert_array_equal(embedded, expected)

    def test_crosses_the_borders_of_blocks(self) -> None:
        captions = np.random.default_rng(0).normal(size=(5000, 5)).astype(np.float32)
        heads = MatchingHeads(6, 5, 4)
        embedded = embed_captions(heads, captions)
        np.testing.assert_allclose(np.linalg.norm(embedded, axis=1), 1, rtol=1e-5)
        np.testing.assert_allclose(embedded[4990:], embed_captions(heads, captions[4990:]), atol=1e-6)

    def test_reads_a_memory_map(self, tmp_path: Path) -> None:
        heads = MatchingHeads(6, 5, 4)
        images = np.ones((2, 6), dtype=np.float32)
        np.save(tmp_path / "images.npy", images)
        mapped = embed_images(heads, np.load(tmp_path / "images.npy", mmap_mode="r"))
        np.testing.assert_array_equal(mapped, embed_images(heads, images))

    def test_no_rows_give_no_rows(self) -> None:
        assert embed_images(MatchingHeads(6, 5, 4), np.zeros((0, 6), dtype=np.float32)).shape == (0, 4)

    def test_given_rows_come_in_their_order(self) -> None:
        heads = MatchingHeads(6, 5, 4)
        images = np.random.default_rng(0).normal(size=(9, 6)).astype(np.float32)
        rows = np.array([7, 0, 7])
        np.testing.assert_allclose(embed_images(heads, images, rows=rows), embed_images(heads, images)[rows], atol=1e-6)


class TestSimilarityMatrix:
    def test_of_given_rows_is_that_part_of_the_whole(self) -> None:
        features = worded_corpus(20)[0]
        image_rows, caption_rows = np.array([3, 1]), np.array([5, 0, 9])
        for kind in (ModelKind.VSE_INFTY, ModelKind.SAF):
            model = build_model(model_spec(small_config(kind), features))
            whole = similarity_matrix(model, features.image_features, features.caption_features)
            part = similarity_matrix(
                model,
                features.image_features,
                features.caption_features,
                image_rows=image_rows,
                caption_rows=caption_rows,
            )
            np.testing.assert_allclose(part, whole[np.ix_(image_rows, caption_rows)], atol=1e-5)
