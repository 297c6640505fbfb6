import numpy as np
import pytest
import torch
from torch import Tensor

from crcl_core.models.global_vectors import CaptionGlobal, ImageGlobal
from tests.crcl_core.models.pair_models import block, roughen, weights_of
from tests.crcl_core.models.pair_oracle import caption_global, image_global


def _image_global(dropout: float = 0.0) -> ImageGlobal:
    module = ImageGlobal(8, 3, dropout=dropout).double()
    roughen(module)
    return module


def _caption_global() -> CaptionGlobal:
    module = CaptionGlobal(8, dropout=0.0).double()
    roughen(module)
    return module


def _regions(n_images: int = 4) -> Tensor:
    return block(n_images).images.regions


class TestImageGlobal:
    def test_equals_the_paper_computed_one_region_at_a_time(self) -> None:
        module = _image_global().eval()
        expected = [image_global(weights_of(module), regions.numpy()) for regions in _regions()]
        np.testing.assert_allclose(module(_regions()).detach(), expected, rtol=1e-9)

    def test_in_training_takes_the_statistics_of_the_batch(self) -> None:
        module = _image_global().train()
        found = module(_regions()).detach()
        weights = weights_of(module)
        local = module.local(_regions()).detach()  # (I, R, J)
        mean = module.mean(_regions().mean(dim=1)).detach()  # (I, J)
        weights |= {
            "local_norm.running_mean": local.mean(dim=(0, 2)).numpy(),
            "local_norm.running_var": local.var(dim=(0, 2), unbiased=False).numpy(),
            "mean_norm.running_mean": mean.mean(dim=0).numpy(),
            "mean_norm.running_var": mean.var(dim=0, unbiased=False).numpy(),
        }
        np.testing.assert_allclose(found, [image_global(weights, regions.numpy()) for regions in _regions()], rtol=1e-9)

    def test_one_image_alone_can_be_trained_on(self) -> None:
        globals_ = _image_global().train()(_regions(1))
        torch.testing.assert_close(globals_.norm(dim=1), torch.ones(1, dtype=torch.float64))

    def test_drops_attention_in_training_only(self) -> None:
        module = _image_global(dropout=0.5)
        assert not torch.equal(module(_regions()), module(_regions()))
        module.eval()
        assert torch.equal(module(_regions()), module(_regions()))

    def test_its_gradient_equals_finite_differences(self) -> None:
        assert torch.autograd.gradcheck(_image_global(), (_regions(2).requires_grad_(),))


class TestCaptionGlobal:
    @pytest.mark.parametrize("n_behind", [0, 2])
    def test_equals_the_paper_computed_one_word_at_a_time(self, n_behind: int) -> None:
        module, captions = _caption_global(), block().captions
        words = torch.nn.functional.pad(captions.words, (0, 0, 0, n_behind))
        is_word = torch.nn.functional.pad(captions.is_word, (0, n_behind))
        found = module(words, is_word).detach()
        for caption, length in enumerate((4, 2, 1)):
            expected = caption_global(weights_of(module), captions.words[caption, :length].numpy())
            np.testing.assert_allclose(found[caption], expected, rtol=1e-9)

    def test_a_caption_of_one_word_is_that_word(self) -> None:
        captions = block(lengths=(1,)).captions
        torch.testing.assert_close(_caption_global()(captions.words, captions.is_word), captions.words[:, 0])

    def test_its_gradient_equals_finite_differences(self) -> None:
        captions, module = block(lengths=(3, 1)).captions, _caption_global()
        is_word = captions.is_word.unsqueeze(2)
        words = captions.words.requires_grad_()
        assert torch.autograd.gradcheck(lambda w: module(w * is_word, captions.is_word), (words,))
