"""SAF and SGR with the official implementation's weights, against its fragments and similarities."""

import numpy as np
import pytest
import torch
from torch import Tensor

from crcl_core.models.matching_model import MatchingModel
from crcl_core.models.saf import Saf
from crcl_core.models.sgr import Sgr
from tests.crcl_core.golden.reference import reference_array

_TOLERANCE = 1e-4
_KINDS: dict[str, type[Saf] | type[Sgr]] = {"SAF": Saf, "SGR": Sgr}
_SIZES = {
    "region_dim": 24,
    "n_regions": 36,
    "vocabulary_size": 40,
    "joint_dim": 16,
    "word_dim": 10,
    "similarity_dim": 8,
}
# Ours, and what the official implementation calls it.
_NAMES = {
    "encoder.region_projection.": "img_enc.fc.",
    "encoder.word_encoder.embedding.": "txt_enc.embed.",
    "encoder.word_encoder.gru.": "txt_enc.cap_rnn.",
    "encoder.image_global.local.": "sim_enc.v_global_w.embedding_local.0.",
    "encoder.image_global.local_norm.": "sim_enc.v_global_w.embedding_local.1.",
    "encoder.image_global.mean.": "sim_enc.v_global_w.embedding_global.0.",
    "encoder.image_global.mean_norm.": "sim_enc.v_global_w.embedding_global.1.",
    "encoder.image_global.attention.": "sim_enc.v_global_w.embedding_common.0.",
    "encoder.caption_global.local.": "sim_enc.t_global_w.embedding_local.0.",
    "encoder.caption_global.mean.": "sim_enc.t_global_w.embedding_global.0.",
    "encoder.caption_global.attention.": "sim_enc.t_global_w.embedding_common.0.",
    "nodes.word.": "sim_enc.sim_tranloc_w.",
    "nodes.whole.": "sim_enc.sim_tranglo_w.",
    "score.": "sim_enc.sim_eval_w.",
    "filtration.attention.": "sim_enc.SAF_module.attn_sim_w.",
    "filtration.attention_norm.": "sim_enc.SAF_module.bn.",
    **{
        f"reasoning.{step}.{ours}.": f"sim_enc.SGR_module.{step}.{theirs}."
        for step in range(3)
        for ours, theirs in (("query", "graph_query_w"), ("key", "graph_key_w"), ("update", "sim_graph_w"))
    },
}


def _model(kind: str, memory_budget_bytes: int = 2**30) -> MatchingModel:
    model = _KINDS[kind](**_SIZES, memory_budget_bytes=memory_budget_bytes)
    model.load_state_dict({name: _weight(kind, name) for name in model.state_dict()})
    return model.eval()


def _weight(kind: str, name: str) -> Tensor:
    ours, official = next(names for names in _NAMES.items() if name.startswith(names[0]))
    return torch.from_numpy(reference_array(f"{kind}/state/{official}{name.removeprefix(ours)}"))


def _images() -> Tensor:
    return torch.from_numpy(reference_array("images")).float()


def _captions() -> Tensor:
    return torch.from_numpy(reference_array("captions")).long()


@pytest.mark.parametrize("kind", _KINDS)
class TestAgainstTheReference:
    @pytest.mark.parametrize("memory_budget_bytes", [1, 100_000, 2**30])
    def test_similarities(self, kind: str, memory_budget_bytes: int) -> None:
        similarities = _model(kind, memory_budget_bytes).similarities(_images(), _captions()).detach()
        expected = reference_array(f"{kind}/similarities")
        assert similarities.shape == expected.shape
        np.testing.assert_allclose(similarities, expected, rtol=0, atol=_TOLERANCE)

    def test_regions_and_words(self, kind: str) -> None:
        model = _model(kind)
        assert isinstance(model, Saf | Sgr)
        fragments = model.encoder(_images(), _captions())
        np.testing.assert_allclose(
            fragments.regions.detach(), reference_array(f"{kind}/image_embeddings"), rtol=0, atol=_TOLERANCE
        )
        expected = reference_array(f"{kind}/caption_embeddings")
        for caption, length in enumerate(reference_array("caption_lengths").astype(int)):
            words = fragments.words[caption, :length].detach()
            np.testing.assert_allclose(words, expected[caption, :length], rtol=0, atol=_TOLERANCE)
