import numpy as np
import pytest
import torch
from torch import Tensor, nn

from crcl_core.models.attention_filtration import AttentionFiltration
from tests.crcl_core.models.pair_models import numbers, roughen, weights_of
from tests.crcl_core.models.pair_oracle import filtered

_LENGTHS = (4, 2, 3)
_IS_NODE = torch.arange(4) < torch.tensor(_LENGTHS).unsqueeze(1)


def _filtration() -> AttentionFiltration:
    module = AttentionFiltration(5).double()
    roughen(module)
    return module


def _nodes() -> Tensor:
    return numbers(2, 3, 4, 5)


class TestEvaluation:
    def test_equals_the_paper_computed_one_pair_at_a_time(self) -> None:
        module = _filtration().eval()
        found, _ = module(_nodes(), _IS_NODE)
        for image in range(2):
            for caption, length in enumerate(_LENGTHS):
                expected = filtered(weights_of(module), _nodes()[image, caption, :length].numpy())
                np.testing.assert_allclose(found[image, caption].detach(), expected, rtol=1e-9)

    def test_a_hand_computed_pair_of_equal_attention(self) -> None:
        # Without weights every node has the attention sigmoid(0), so their mean direction is left: (1, 1) / sqrt 2.
        module = AttentionFiltration(2).eval()
        nn.init.zeros_(module.attention.weight)
        nodes = torch.tensor([[[[1.0, 0.0], [0.0, 1.0], [9.0, 9.0]]]])
        found, _ = module(nodes, torch.tensor([[True, True, False]]))
        torch.testing.assert_close(found, torch.full((1, 1, 2), 0.5**0.5))


class TestTraining:
    def test_equals_batch_normalisation_caption_by_caption(self) -> None:
        module, reference = _filtration(), nn.BatchNorm1d(1).double()
        reference.load_state_dict(module.attention_norm.state_dict())
        found, statistics = module(_nodes(), _IS_NODE)
        module.track(statistics)
        for caption, length in enumerate(_LENGTHS):
            nodes = _nodes()[:, caption, :length]  # (I, N, S)
            attention = reference(module.attention(nodes).transpose(1, 2)).sigmoid()  # (I, 1, N)
            expected = (attention / attention.sum(dim=2, keepdim=True) @ nodes).squeeze(1)
            torch.testing.assert_close(
                found[:, caption], nn.functional.normalize(expected, dim=1), atol=1e-7, rtol=1e-6
            )
        for name, value in reference.state_dict().items():
            torch.testing.assert_close(module.attention_norm.state_dict()[name], value)

    def test_what_stands_behind_the_last_node_has_no_influence(self) -> None:
        other = torch.where(_IS_NODE.unsqueeze(2), _nodes(), 100.0)
        (found, statistics), (others, other_statistics) = (_filtration_of(nodes) for nodes in (_nodes(), other))
        torch.testing.assert_close(found, others)
        torch.testing.assert_close(statistics, other_statistics)

    def test_one_image_and_one_word_are_enough(self) -> None:
        found, statistics = _filtration()(_nodes()[:1, :1, :2], _IS_NODE[:1, :2])
        assert bool(found.isfinite().all())
        assert bool(torch.stack(statistics).isfinite().all())

    @pytest.mark.parametrize("is_training", [True, False])
    def test_its_gradient_equals_finite_differences(self, *, is_training: bool) -> None:
        module = _filtration().train(is_training)
        assert torch.autograd.gradcheck(lambda nodes: module(nodes, _IS_NODE)[0], (_nodes().requires_grad_(),))


def _filtration_of(nodes: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
    torch.manual_seed(0)
    found, statistics = _filtration()(nodes, _IS_NODE)
    return found.detach(), tuple(statistics)
