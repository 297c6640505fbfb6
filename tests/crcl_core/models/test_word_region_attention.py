import numpy as np
import torch

from crcl_core.models.word_region_attention import attention_weights, unit_context_weights
from tests.crcl_core.models.pair_models import block
from tests.crcl_core.models.pair_oracle import attention, norm


class TestAttentionWeights:
    def test_equals_the_paper_computed_one_pair_at_a_time(self) -> None:
        images, captions = block()
        weights = attention_weights(captions.words, captions.is_word, images.regions)
        for c, length in enumerate(captions.is_word.sum(dim=1).tolist()):
            for i, regions in enumerate(images.regions):
                expected = attention(captions.words[c, :length].numpy(), regions.numpy())
                np.testing.assert_allclose(weights[c, :length, i], expected, rtol=1e-10)

    def test_a_hand_computed_image_of_two_regions(self) -> None:
        # The word's products with the regions are 0.6 and -0.8, the latter rectified to -0.08. Over a single word each
        # has length 1, so the softmax is of 9 and -9.
        regions = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]], dtype=torch.float64)
        words = torch.tensor([[[0.6, -0.8]]], dtype=torch.float64)
        weights = attention_weights(words, torch.tensor([[True]]), regions)
        expected = torch.tensor([9.0, -9.0], dtype=torch.float64).softmax(dim=0)
        torch.testing.assert_close(weights[0, 0, 0], expected, atol=1e-12, rtol=1e-5)

    def test_what_stands_behind_the_last_word_has_no_influence(self) -> None:
        images, captions = block()
        other = torch.where(captions.is_word.unsqueeze(2), captions.words, captions.words.flip(0) + 1)
        weights, others = (
            attention_weights(words, captions.is_word, images.regions) for words in (captions.words, other)
        )
        assert torch.equal(weights[captions.is_word], others[captions.is_word])

    def test_products_of_zero_give_a_finite_gradient(self) -> None:
        words, regions = torch.zeros(1, 2, 4, requires_grad=True), torch.zeros(1, 3, 4, requires_grad=True)
        weights = attention_weights(words, torch.ones(1, 2, dtype=torch.bool), regions)
        torch.autograd.backward((unit_context_weights(weights, regions @ regions.transpose(1, 2)) ** 2).sum())
        assert words.grad is not None
        assert regions.grad is not None
        assert bool(words.grad.isfinite().all() & regions.grad.isfinite().all())


class TestUnitContextWeights:
    def test_give_the_context_its_unit_length(self) -> None:
        images, captions = block()
        weights = attention_weights(captions.words, captions.is_word, images.regions)
        contexts = unit_context_weights(weights, images.region_products) @ images.regions  # (I, C T, J)
        raw = torch.einsum("ctir,irj->ictj", weights, images.regions).flatten(1, 2)
        expected = np.stack([[norm(context) for context in of_image] for of_image in raw.numpy()])
        np.testing.assert_allclose(contexts, expected, rtol=1e-9)
