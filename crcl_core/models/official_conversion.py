"""Turns the weights of the paper's official code into this library's models."""

from collections.abc import Mapping
from dataclasses import replace

from torch import Tensor

from crcl_core.models.matching_model import MatchingModel
from crcl_core.models.model_spec import ModelKind, ModelSpec, build_model
from crcl_core.models.official_checkpoint import OfficialCheckpoint
from crcl_core.types import CheckpointError

# Our modules and the official code's, which begin the names of their weights.
_OF_VSE_INFINITY = {
    "region_projection.linear.": "img_enc.fc.",
    "region_projection.hidden.": "img_enc.mlp.layers.0.",
    "region_projection.hidden_norm.": "img_enc.mlp.bns.0.",
    "region_projection.output.": "img_enc.mlp.layers.1.",
    "region_pooling.gru.": "img_enc.gpool.gru.",
    "region_pooling.score.": "img_enc.gpool.linear.",
    "word_encoder.embedding.": "txt_enc.embed.",
    "word_encoder.gru.": "txt_enc.rnn.",
    "word_pooling.gru.": "txt_enc.gpool.gru.",
    "word_pooling.score.": "txt_enc.gpool.linear.",
}
_OF_FRAGMENTS = {
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
    "nodes.whole.": "sim_enc.sim_tranglo_w.",
    "nodes.word.": "sim_enc.sim_tranloc_w.",
    "score.": "sim_enc.sim_eval_w.",
}
_OF_FILTRATION = {
    "filtration.attention.": "sim_enc.SAF_module.attn_sim_w.",
    "filtration.attention_norm.": "sim_enc.SAF_module.bn.",
}
_OF_REASONING = {
    f"reasoning.{step}.{ours}.": f"sim_enc.SGR_module.{step}.{official}."
    for step in range(3)
    for ours, official in (("query", "graph_query_w"), ("key", "graph_key_w"), ("update", "sim_graph_w"))
}
_NAMES = {
    ModelKind.VSE_INFTY: _OF_VSE_INFINITY,
    ModelKind.SAF: _OF_FRAGMENTS | _OF_FILTRATION,
    ModelKind.SGR: _OF_FRAGMENTS | _OF_REASONING,
}
_MARKS = {
    ModelKind.VSE_INFTY: "img_enc.gpool.",
    ModelKind.SAF: "sim_enc.SAF_module.",
    ModelKind.SGR: "sim_enc.SGR_module.",
}
# The official network makes a second batch normalisation that it never calls.
_NEVER_USED = "img_enc.mlp.bns.1."
_PAPERS_DROPOUT = 0.4


def convert_official(checkpoint: OfficialCheckpoint) -> tuple[ModelSpec, MatchingModel]:
    """Builds the model whose weights a checkpoint of the official code holds.

    Args:
        checkpoint: As `read_official_checkpoint` gives it. Which model it is, and its sizes, follow from its weights.

    Returns:
        What the model is, and the model with those weights, in evaluation mode.

    Raises:
        CheckpointError: The weights are not those of VSE-infinity, SAF or SGR: some are missing, unexpected or of
            another shape, and it names them; or the model was trained without a norm that ours always take.
    """
    weights = {name: value for name, value in checkpoint.weights.items() if not name.startswith(_NEVER_USED)}
    for option in ("no_imgnorm", "no_txtnorm"):
        if checkpoint.options.get(option):
            raise CheckpointError(f"the official model was trained with {option}, which has no counterpart here")
    spec = _spec_of(_kind_of(weights), weights)
    model = build_model(spec)
    ours = {_official_name(name, spec.kind): name for name in model.state_dict()}
    _require_fitting(spec.kind, weights, {name: model.state_dict()[own] for name, own in ours.items()})
    model.load_state_dict({own: weights[name] for name, own in ours.items()})
    return spec, model.eval()


def _kind_of(weights: Mapping[str, Tensor]) -> ModelKind:
    for kind, mark in _MARKS.items():
        if any(name.startswith(mark) for name in weights):
            return kind
    raise CheckpointError(f"no weight of the official checkpoint begins with {' or '.join(_MARKS.values())}")


def _spec_of(kind: ModelKind, weights: Mapping[str, Tensor]) -> ModelSpec:
    joint_dim, region_dim = _shape(weights, "img_enc.fc.weight")
    vocabulary_size, word_dim = _shape(weights, "txt_enc.embed.weight")
    spec = ModelSpec(
        kind=kind, image_dim=region_dim, vocabulary_size=vocabulary_size, joint_dim=joint_dim, word_dim=word_dim
    )
    if kind is ModelKind.VSE_INFTY:
        return spec
    similarity_dim, _ = _shape(weights, "sim_enc.sim_tranloc_w.weight")
    (n_regions,) = _shape(weights, "sim_enc.v_global_w.embedding_local.1.weight", n_axes=1)
    return replace(spec, similarity_dim=similarity_dim, n_regions=n_regions, dropout=_PAPERS_DROPOUT)


def _shape(weights: Mapping[str, Tensor], name: str, *, n_axes: int = 2) -> tuple[int, ...]:
    if name not in weights:
        raise CheckpointError(f"the official checkpoint lacks the weight {name}")
    if weights[name].ndim != n_axes:
        raise CheckpointError(f"weight {name} has {weights[name].ndim} axes, expected {n_axes}")
    return tuple(weights[name].shape)


def _official_name(name: str, kind: ModelKind) -> str:
    for ours, official in _NAMES[kind].items():
        if name.startswith(ours):
            return official + name.removeprefix(ours)
    raise AssertionError(f"{kind.value} has a weight {name} that the table of official names lacks")


def _require_fitting(kind: ModelKind, given: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> None:
    reshaped = {name for name in given.keys() & wanted.keys() if given[name].shape != wanted[name].shape}
    faults = {
        "missing": wanted.keys() - given.keys(),
        "unexpected": given.keys() - wanted.keys(),
        "of another shape": {f"{name} {_sizes(given[name])}, expected {_sizes(wanted[name])}" for name in reshaped},
    }
    if any(faults.values()):
        named = "; ".join(f"{fault}: {', '.join(sorted(names))}" for fault, names in faults.items() if names)
        raise CheckpointError(f"weights of the official {kind.value} do not fit; {named}")


def _sizes(weight: Tensor) -> str:
    return " x ".join(map(str, weight.shape)) or "scalar"
