import pytest
import torch
from torch import Tensor

from crcl_core.models.vse_infinity import VseInfinity, present_regions

_CAPTIONS = torch.tensor([[3, 4, 0, 0], [5, 6, 7, 8], [9, 0, 0, 0]])


class TestVseInfinity:
    def test_embeddings_have_length_one_and_the_joint_width(self) -> None:
        model = _model()
        for embeddings in (model.embed_images(_images()), model.embed_captions(_CAPTIONS)):
            assert embeddings.shape == (3, model.embedding_dim)
            torch.testing.assert_close(embeddings.norm(dim=1), torch.ones(3))

    def test_similarities_are_cosines_with_images_as_rows(self) -> None:
        model = _model().eval()
        similarities = model.similarities(_images()[:2], _CAPTIONS)
        expected = model.embed_images(_images()[:2]) @ model.embed_captions(_CAPTIONS).t()
        assert similarities.shape == (2, 3)
        torch.testing.assert_close(similarities, expected)

    def test_an_image_does_not_depend_on_the_order_of_its_regions(self) -> None:
        model = _model().eval()
        torch.testing.assert_close(model.embed_images(_images().flip(1)), model.embed_images(_images()))

    @pytest.mark.parametrize("is_training", [True, False])
    def test_a_region_of_zeros_counts_as_absent(self, *, is_training: bool) -> None:
        images = _images()
        images[:, 1] = 0  # The same region of each image, so that it can be left out of the array as well.
        torch.testing.assert_close(
            _model().train(is_training).embed_images(images),
            _model().train(is_training).embed_images(images[:, [0, 2, 3]]),
        )

    def test_images_may_have_different_numbers_of_regions(self) -> None:
        model, images = _model().eval(), _images()
        images[0, 2:] = 0
        images[1, 0] = 0
        embeddings = model.embed_images(images)
        torch.testing.assert_close(embeddings[:1], model.embed_images(images[:1, :2]))
        torch.testing.assert_close(embeddings[1:2], model.embed_images(images[1:2, 1:]))

    def test_an_image_of_zeros_alone_keeps_a_region(self) -> None:
        embeddings = _model().eval().embed_images(torch.zeros(1, 4, 6))
        torch.testing.assert_close(embeddings.norm(dim=1), torch.ones(1))

    def test_one_pair_is_enough(self) -> None:
        assert _model().similarities(_images()[:1], _CAPTIONS[:1]).shape == (1, 1)

    def test_nothing_embeds_to_nothing(self) -> None:
        model = _model().eval()
        assert model.embed_images(torch.zeros(0, 4, 6)).shape == (0, 8)
        assert model.embed_captions(torch.zeros(0, 3, dtype=torch.int64)).shape == (0, 8)

    def test_every_weight_learns(self) -> None:
        model = _model()
        target = torch.randn(3, 3, generator=torch.Generator().manual_seed(2))
        torch.autograd.backward((model.similarities(_images(), _CAPTIONS) * target).sum())
        assert not [name for name, weight in model.named_parameters() if weight.grad is None]

    def test_learns_to_tell_pairs_apart(self) -> None:
        model = _model()
        optimizer = torch.optim.Adam(model.parameters(), lr=0.03)
        for _ in range(20):
            optimizer.zero_grad()
            logits = model.similarities(_images(), _CAPTIONS) / 0.05
            torch.autograd.backward(torch.nn.functional.cross_entropy(logits, torch.arange(3)))
            optimizer.step()
        assert model.similarities(_images(), _CAPTIONS).argmax(dim=1).tolist() == [0, 1, 2]

    def test_similarities_are_float32_under_autocast_and_near(self) -> None:
        model = _model().eval()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            rounded = model.similarities(_images(), _CAPTIONS)
        assert rounded.dtype == torch.float32
        torch.testing.assert_close(rounded, model.similarities(_images(), _CAPTIONS), atol=0.02, rtol=0)

    def test_refuses_a_caption_without_a_token(self) -> None:
        with pytest.raises(ValueError, match="caption 0 of the batch has no token"):
            _model().embed_captions(torch.zeros(1, 3, dtype=torch.int64))


class TestPresentRegions:
    def test_rows_of_zeros_are_absent_unless_all_are(self) -> None:
        images = torch.tensor([[[0.0, 0.0], [0.0, -1.0]], [[0.0, 0.0], [0.0, 0.0]]])
        assert present_regions(images).tolist() == [[False, True], [True, False]]


def _model() -> VseInfinity:
    torch.manual_seed(0)
    return VseInfinity(region_dim=6, vocabulary_size=12, joint_dim=8, word_dim=5)


def _images() -> Tensor:
    return torch.randn(3, 4, 6, generator=torch.Generator().manual_seed(1))
