import pytest
import torch
from torch import Tensor

from crcl_core.models.model_spec import ModelKind
from crcl_core.models.official_checkpoint import OfficialCheckpoint
from crcl_core.models.official_conversion import convert_official
from crcl_core.types import CheckpointError
from tests.crcl_core.golden.official_files import PARTS, official_parts


class TestConvertOfficial:
    def test_the_sizes_follow_from_the_weights(self) -> None:
        spec, model = convert_official(_checkpoint("VSEinfty"))
        assert spec.kind is ModelKind.VSE_INFTY
        assert (spec.image_dim, spec.joint_dim, spec.word_dim, spec.vocabulary_size) == (24, 16, 10, 40)
        assert not model.training

    @pytest.mark.parametrize(("module_name", "kind"), [("SAF", ModelKind.SAF), ("SGR", ModelKind.SGR)])
    def test_models_that_compare_pair_by_pair_convert_too(self, module_name: str, kind: ModelKind) -> None:
        spec, model = convert_official(_checkpoint(module_name))
        assert spec.kind is kind
        assert (spec.image_dim, spec.n_regions, spec.similarity_dim) == (24, 36, 8)
        assert sum(value.numel() for value in model.state_dict().values()) == sum(
            value.numel() for value in _weights(module_name).values()
        )

    def test_the_official_sgr_reasons_three_times(self) -> None:
        weights = _weights("SGR")
        weights |= {
            name.replace("SGR_module.2", "SGR_module.3"): value for name, value in weights.items() if "module.2" in name
        }
        with pytest.raises(CheckpointError, match=r"unexpected: sim_enc.SGR_module.3.graph_key_w.bias, "):
            convert_official(_checkpoint("SGR", weights))

    def test_needs_no_weight_that_the_official_model_never_uses(self) -> None:
        weights = _weights("VSEinfty")
        unused = [name for name in weights if "bns.1" in name]
        assert unused
        convert_official(_checkpoint("VSEinfty", {name: weights[name] for name in weights if name not in unused}))

    def test_names_missing_and_unexpected_weights(self) -> None:
        weights = _weights("VSEinfty")
        weights["txt_enc.rnn.extra"] = weights.pop("txt_enc.rnn.bias_hh_l0")
        message = r"missing: txt_enc.rnn.bias_hh_l0; unexpected: txt_enc.rnn.extra"
        with pytest.raises(CheckpointError, match=message):
            convert_official(_checkpoint("VSEinfty", weights))

    def test_names_a_weight_of_another_shape(self) -> None:
        weights = _weights("VSEinfty") | {"txt_enc.rnn.bias_hh_l0": torch.zeros(3)}
        with pytest.raises(CheckpointError, match=r"of another shape: txt_enc.rnn.bias_hh_l0 3, expected 48$"):
            convert_official(_checkpoint("VSEinfty", weights))

    @pytest.mark.parametrize(
        ("name", "value", "message"),
        [
            ("img_enc.fc.weight", None, r"lacks the weight img_enc.fc.weight"),
            ("txt_enc.embed.weight", torch.zeros(3), r"txt_enc.embed.weight has 1 axes, expected 2"),
        ],
    )
    def test_needs_the_weights_that_tell_the_sizes(self, name: str, value: Tensor | None, message: str) -> None:
        weights = _weights("VSEinfty")
        weights.pop(name)
        with pytest.raises(CheckpointError, match=message):
            convert_official(_checkpoint("VSEinfty", weights if value is None else weights | {name: value}))

    def test_refuses_another_model(self) -> None:
        with pytest.raises(CheckpointError, match="no weight of the official checkpoint begins with"):
            convert_official(OfficialCheckpoint({"img_enc.fc.weight": torch.zeros(2, 2)}, {}, None, None))

    @pytest.mark.parametrize("option", ["no_imgnorm", "no_txtnorm"])
    def test_refuses_a_model_trained_without_a_norm(self, option: str) -> None:
        with pytest.raises(CheckpointError, match=f"was trained with {option}"):
            convert_official(OfficialCheckpoint(_weights("VSEinfty"), {option: True}, None, None))


def _weights(module_name: str) -> dict[str, Tensor]:
    parts = zip(PARTS, official_parts(module_name), strict=False)
    return {f"{part}.{name}": value for part, state in parts for name, value in state.items()}


def _checkpoint(module_name: str, weights: dict[str, Tensor] | None = None) -> OfficialCheckpoint:
    return OfficialCheckpoint(_weights(module_name) if weights is None else weights, {}, None, None)
