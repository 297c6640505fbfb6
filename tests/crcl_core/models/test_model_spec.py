import json

import pytest
import torch

from crcl_core.models import EmbeddingModel, ModelKind, ModelSpec, build_model

OF_REGIONS = [kind for kind in ModelKind if kind.reads_regions]


def _spec(kind: ModelKind) -> ModelSpec:
    if not kind.reads_regions:
        return ModelSpec(kind=kind, image_dim=6, caption_dim=5, joint_dim=4)
    return ModelSpec(
        kind=kind, image_dim=6, vocabulary_size=9, n_regions=3, joint_dim=8, word_dim=5, similarity_dim=4, dropout=0.1
    )


class TestModelSpec:
    @pytest.mark.parametrize("kind", ModelKind)
    def test_comes_back_from_json(self, kind: ModelKind) -> None:
        assert ModelSpec.from_json(json.loads(json.dumps(_spec(kind).to_json()))) == _spec(kind)

    def test_an_unknown_kind_is_refused(self) -> None:
        with pytest.raises(ValueError, match="oracle"):
            ModelSpec.from_json({**_spec(ModelKind.HEADS).to_json(), "kind": "oracle"})


class TestBuildModel:
    @pytest.mark.parametrize("kind", ModelKind)
    def test_only_models_with_embeddings_are_embedding_models(self, kind: ModelKind) -> None:
        assert isinstance(build_model(_spec(kind)), EmbeddingModel) == kind.gives_embeddings

    @pytest.mark.parametrize("kind", ModelKind)
    def test_the_seed_and_the_stream_decide_the_weights_alone(self, kind: ModelKind) -> None:
        first = build_model(_spec(kind), seed=1).state_dict()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(99)
            again = build_model(_spec(kind), seed=1).state_dict()
        other = build_model(_spec(kind), seed=1, stream=("other",)).state_dict()
        assert all(torch.equal(first[name], again[name]) for name in first)
        assert not all(torch.equal(first[name], other[name]) for name in first)

    @pytest.mark.parametrize("kind", OF_REGIONS)
    def test_scores_every_image_against_every_caption(self, kind: ModelKind) -> None:
        model = build_model(_spec(kind)).eval()
        scores = model(torch.randn(4, 3, 6), torch.tensor([[1, 4, 2], [1, 2, 0]]))
        assert scores.shape == (4, 2)
        assert scores.abs().max() <= 1.0001

    @pytest.mark.parametrize(("kind", "missing"), [(kind, "vocabulary_size") for kind in OF_REGIONS])
    def test_what_a_kind_needs_is_named(self, kind: ModelKind, missing: str) -> None:
        with pytest.raises(ValueError, match=f"model '{kind.value}' needs {missing}, and none was given"):
            build_model(ModelSpec(kind=kind, image_dim=6))
