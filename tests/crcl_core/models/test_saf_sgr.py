"""What SAF and SGR share; `test_saf.py` and `test_sgr.py` hold what is their own."""

import pytest
import torch
from torch import Tensor

from crcl_core.models.matching_model import MatchingModel
from tests.crcl_core.models.pair_models import CAPTIONS, KINDS, images, model, numbers

_BUDGETS = {"tiny": 1, "some blocks kept": 40_000, "huge": 2**30}


def _gradients(scored: MatchingModel) -> tuple[Tensor, dict[str, Tensor]]:
    """Scores and gradients of a loss that every score has a different share in."""
    scores = scored(images(), CAPTIONS)
    torch.autograd.backward((scores * numbers(*scores.shape, seed=5)).sum())
    return scores.detach(), {name: weight.grad for name, weight in scored.named_parameters() if weight.grad is not None}


@pytest.mark.parametrize("kind", KINDS)
class TestBlocks:
    @pytest.mark.parametrize("is_training", [True, False], ids=["training", "evaluation"])
    @pytest.mark.parametrize("name", ["tiny", "some blocks kept"])
    def test_their_size_changes_neither_scores_nor_gradients(self, kind: str, name: str, *, is_training: bool) -> None:
        small, large = (
            model(kind, memory_budget_bytes=_BUDGETS[budget]).train(is_training) for budget in (name, "huge")
        )
        (scores, gradients), (expected_scores, expected_gradients) = _gradients(small), _gradients(large)
        torch.testing.assert_close(scores, expected_scores, atol=1e-10, rtol=0)
        torch.testing.assert_close(gradients, expected_gradients, atol=1e-10, rtol=0)
        torch.testing.assert_close(small.state_dict(), large.state_dict(), atol=1e-10, rtol=0)

    def test_with_dropout_a_block_scored_again_sees_the_same_draws(self, kind: str) -> None:
        found = []
        for budget in ("tiny", "huge"):
            torch.manual_seed(7)
            found.append(_gradients(model(kind, dropout=0.4, memory_budget_bytes=_BUDGETS[budget]).train()))
        torch.testing.assert_close(found[0], found[1], atol=1e-10, rtol=0)

    def test_evaluation_keeps_no_graph(self, kind: str) -> None:
        with torch.no_grad():
            assert not model(kind).eval()(images(), CAPTIONS).requires_grad


@pytest.mark.parametrize("kind", KINDS)
class TestScores:
    def test_are_between_0_and_1_with_images_as_rows(self, kind: str) -> None:
        scores = model(kind)(images(), CAPTIONS)
        assert scores.shape == (3, 4)
        assert bool(((scores > 0) & (scores < 1)).all())

    @pytest.mark.parametrize("is_training", [True, False])
    def test_do_not_depend_on_the_order_of_captions(self, kind: str, *, is_training: bool) -> None:
        order = torch.tensor([2, 0, 3, 1])
        scores, reordered = (
            model(kind).train(is_training)(images(), CAPTIONS[places]) for places in (torch.arange(4), order)
        )
        torch.testing.assert_close(reordered, scores[:, order])

    def test_do_not_depend_on_padding(self, kind: str) -> None:
        padded = torch.nn.functional.pad(CAPTIONS, (0, 5))
        torch.testing.assert_close(model(kind)(images(), padded), model(kind)(images(), CAPTIONS))

    def test_in_evaluation_do_not_depend_on_what_else_is_in_the_batch(self, kind: str) -> None:
        evaluated = model(kind).eval()
        one = evaluated(images()[1:2], CAPTIONS[1:2])
        torch.testing.assert_close(one, evaluated(images(), CAPTIONS)[1:2, 1:2])

    @pytest.mark.parametrize("is_training", [True, False])
    def test_one_image_and_captions_of_one_word_are_enough(self, kind: str, *, is_training: bool) -> None:
        scored = model(kind).train(is_training)
        scores = scored(images(1), torch.tensor([[4], [2]]))
        torch.autograd.backward(scores.sum())
        assert scores.shape == (1, 2)
        assert all(weight.grad is not None and weight.grad.isfinite().all() for weight in scored.parameters())

    @pytest.mark.parametrize(("n_images", "n_captions"), [(0, 2), (2, 0)])
    def test_no_images_or_captions_give_no_scores(self, kind: str, n_images: int, n_captions: int) -> None:
        assert model(kind).eval()(images()[:n_images], CAPTIONS[:n_captions]).shape == (n_images, n_captions)

    def test_under_autocast_are_finite_float32_and_near(self, kind: str) -> None:
        scored = model(kind).float().train()
        exact = scored(images().float(), CAPTIONS).detach()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            scores = scored(images().float(), CAPTIONS)
        torch.autograd.backward(scores.sum())
        assert scores.dtype == torch.float32
        torch.testing.assert_close(scores.detach(), exact, atol=0.05, rtol=0)
        assert all(weight.grad is not None and weight.grad.isfinite().all() for weight in scored.parameters())


@pytest.mark.parametrize("kind", KINDS)
class TestGradient:
    @pytest.mark.parametrize("is_training", [True, False])
    def test_of_the_images_equals_finite_differences(self, kind: str, *, is_training: bool) -> None:
        scored = model(kind, memory_budget_bytes=1).train(is_training)
        features = images(2).requires_grad_()
        assert torch.autograd.gradcheck(lambda x: scored(x, CAPTIONS[:3]), (features,), fast_mode=True)

    def test_of_the_weights_equals_finite_differences(self, kind: str) -> None:
        scored = model(kind).train()
        weights = dict(scored.named_parameters())
        _, gradients = _gradients(scored)
        for name, weight in weights.items():
            direction = numbers(*weight.shape, seed=6)
            with torch.no_grad():
                ends = []
                for sign in (1, -1):
                    weight.add_(sign * 1e-5 * direction)
                    scores = scored(images(), CAPTIONS)
                    ends.append(float((scores * numbers(*scores.shape, seed=5)).sum()))
                    weight.sub_(sign * 1e-5 * direction)
            expected = (ends[0] - ends[1]) / 2e-5
            assert float((gradients[name] * direction).sum()) == pytest.approx(expected, rel=1e-4, abs=1e-7), name


@pytest.mark.parametrize("kind", KINDS)
class TestLearning:
    def test_learns_to_tell_pairs_apart(self, kind: str) -> None:
        learner = model(kind, similarity_dim=16).train()
        optimizer = torch.optim.Adam(learner.parameters(), lr=0.01)
        for _ in range(40):
            optimizer.zero_grad()
            logits = learner(images(), CAPTIONS[:3]) / 0.05
            torch.autograd.backward(torch.nn.functional.cross_entropy(logits, torch.arange(3)))
            optimizer.step()
        assert learner(images(), CAPTIONS[:3]).argmax(dim=1).tolist() == [0, 1, 2]


@pytest.mark.parametrize("kind", KINDS)
class TestArguments:
    @pytest.mark.parametrize("shape", [(2, 5, 6), (2, 4, 7), (2, 6)])
    def test_refuses_images_of_another_shape(self, kind: str, shape: tuple[int, ...]) -> None:
        with pytest.raises(ValueError, match=r"images have the shape .*, expected \(I, 4, 6\)"):
            model(kind)(torch.zeros(shape, dtype=torch.float64), CAPTIONS)

    def test_refuses_a_caption_without_words(self, kind: str) -> None:
        with pytest.raises(ValueError, match="caption 1 of the batch has no token"):
            model(kind)(images(), torch.tensor([[1, 2], [0, 0]]))

    @pytest.mark.parametrize(
        "name",
        [
            "region_dim",
            "n_regions",
            "vocabulary_size",
            "joint_dim",
            "word_dim",
            "similarity_dim",
            "memory_budget_bytes",
        ],
    )
    def test_refuses_a_size_of_zero(self, kind: str, name: str) -> None:
        with pytest.raises(ValueError, match=r"(is 0, expected 1 or more)"):
            model(kind, **{name: 0})

    def test_refuses_a_dropout_of_1(self, kind: str) -> None:
        with pytest.raises(ValueError, match="dropout is 1"):
            model(kind, dropout=1)
