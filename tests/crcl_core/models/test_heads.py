import pytest
import torch
from torch import Tensor

from crcl_core.models import MatchingHeads, ProjectionHead, ResidualHead, build_heads


def _rows(n: int, width: int, seed: int = 0) -> Tensor:
    return torch.randn(n, width, generator=torch.Generator().manual_seed(seed))


class TestProjectionHead:
    def test_gives_rows_of_length_one(self) -> None:
        embeddings = ProjectionHead(6, 4)(_rows(3, 6))
        assert embeddings.shape == (3, 4)
        torch.testing.assert_close(embeddings.norm(dim=1), torch.ones(3))

    def test_ignores_the_offset_and_scale_of_a_vector(self) -> None:
        head, rows = ProjectionHead(6, 4), _rows(3, 6)
        torch.testing.assert_close(head(rows), head(5 * rows + 2), atol=1e-5, rtol=1e-4)

    def test_a_constant_vector_gives_finite_embeddings_and_gradients(self) -> None:
        head = ProjectionHead(6, 4)
        head(torch.zeros(2, 6)).sum().backward()
        assert all(weight.grad is not None and weight.grad.isfinite().all() for weight in head.parameters())

    def test_no_rows_give_no_rows(self) -> None:
        assert ProjectionHead(6, 4)(torch.zeros(0, 6)).shape == (0, 4)

    def test_drops_units_in_training_only(self) -> None:
        head, rows = ProjectionHead(6, 32, dropout=0.5), _rows(3, 6)
        assert not torch.equal(head(rows), head(rows))
        head.eval()
        assert torch.equal(head(rows), head(rows))


class TestResidualHead:
    def test_starts_at_the_encoders_own_directions(self) -> None:
        rows = _rows(3, 6)
        torch.testing.assert_close(ResidualHead(6, 4)(rows), torch.nn.functional.normalize(rows, dim=1))

    def test_does_not_depend_on_the_length_of_a_vector(self) -> None:
        head = ResidualHead(6, 4)
        with torch.no_grad():
            for weight in head.parameters():
                weight.add_(0.1)
        torch.testing.assert_close(head(_rows(3, 6)), head(100 * _rows(3, 6)), atol=1e-5, rtol=1e-4)


class TestMatchingHeads:
    def test_similarities_are_cosines_with_images_as_rows(self) -> None:
        heads, images, captions = MatchingHeads(6, 5, 4), _rows(3, 6), _rows(2, 5)
        similarities = heads.similarities(images, captions)
        assert similarities.shape == (3, 2)
        expected = heads.embed_images(images[1:2]) @ heads.embed_captions(captions[:1]).t()
        torch.testing.assert_close(similarities[1:2, :1], expected)

    def test_forward_scores_both(self) -> None:
        heads = MatchingHeads(6, 5, 4)
        assert torch.equal(heads(_rows(3, 6), _rows(2, 5)), heads.similarities(_rows(3, 6), _rows(2, 5)))

    def test_embeddings_in_bfloat16_are_compared_in_float32(self) -> None:
        heads = MatchingHeads(6, 5, 4)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            images, captions = heads.embed_images(_rows(3, 6)), heads.embed_captions(_rows(2, 5))
            similarities = heads(_rows(3, 6), _rows(2, 5))
        assert torch.equal(similarities, images.float() @ captions.float().t())

    @pytest.mark.parametrize(("has_joint_space", "width"), [(False, 4), (True, 6)])
    def test_embeddings_are_as_wide_as_they_say(self, *, has_joint_space: bool, width: int) -> None:
        heads = MatchingHeads(6, 6, 4, has_joint_space=has_joint_space)
        assert heads.embedding_dim == heads.embed_images(_rows(1, 6)).shape[1] == width

    def test_refuse_a_joint_space_of_two_widths(self) -> None:
        with pytest.raises(ValueError, match="a joint space has one width, got 6 for images and 5 for captions"):
            MatchingHeads(6, 5, has_joint_space=True)

    @pytest.mark.parametrize("name", ["image_dim", "caption_dim", "joint_dim"])
    def test_refuse_a_width_of_zero(self, name: str) -> None:
        widths = [0 if name == other else 2 for other in ("image_dim", "caption_dim", "joint_dim")]
        with pytest.raises(ValueError, match=f"{name} is 0, expected 1 or more"):
            MatchingHeads(*widths)

    def test_refuse_to_drop_everything(self) -> None:
        with pytest.raises(ValueError, match="dropout is 1"):
            MatchingHeads(2, 2, dropout=1.0)


class TestBuildHeads:
    @pytest.mark.parametrize("has_joint_space", [False, True])
    def test_the_generator_decides_all_weights(self, *, has_joint_space: bool) -> None:
        first, second = (_built(seed=3, has_joint_space=has_joint_space) for _ in range(2))
        assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))

    def test_another_seed_gives_other_weights(self) -> None:
        pairs = zip(_built(seed=3).parameters(), _built(seed=4).parameters(), strict=True)
        assert not any(torch.equal(first, second) for first, second in pairs)

    def test_a_joint_space_still_starts_at_the_encoders_own(self) -> None:
        rows = _rows(3, 6)
        embeddings = _built(seed=3, has_joint_space=True).embed_images(rows)
        torch.testing.assert_close(embeddings, torch.nn.functional.normalize(rows, dim=1))


def _built(*, seed: int, has_joint_space: bool = False) -> MatchingHeads:
    generator = torch.Generator().manual_seed(seed)
    return build_heads(6, 6, 4, dropout=0.0, has_joint_space=has_joint_space, generator=generator)
