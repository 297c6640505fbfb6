from typing import Any

import pytest
from pydantic import ValidationError

from app.core.run_config import RunConfig


def refusals(**config: Any) -> list[tuple[str, str]]:  # Any: fields of several types
    """Where and why a configuration is refused."""
    with pytest.raises(ValidationError) as caught:
        RunConfig.model_validate(config)
    return [(str(fault["loc"][0]), fault["type"]) for fault in caught.value.errors()]


class TestRunConfig:
    def test_defaults_are_the_papers(self) -> None:
        config = RunConfig()
        assert (config.temperature, config.momentum, config.label_floor, config.complementary_weight) == (
            0.05,
            0.8,
            0.1,
            5.0,
        )

    def test_an_unknown_field_is_refused_by_name(self) -> None:
        with pytest.raises(ValidationError, match="learning_rat"):
            RunConfig.model_validate({"learning_rat": 0.1})

    def test_a_configuration_cannot_be_changed(self) -> None:
        with pytest.raises(ValidationError, match="frozen"):
            RunConfig().seed = 3  # type: ignore[misc] # the assignment is the test

    @pytest.mark.parametrize("rounds", [[], [0], [1] * 21])
    def test_rounds_are_bounded(self, rounds: list[int]) -> None:
        with pytest.raises(ValidationError, match="round_epochs"):
            RunConfig.model_validate({"round_epochs": rounds})

    @pytest.mark.parametrize(
        "config",
        [
            RunConfig(round_epochs=(2, 2, 8), seed=7),
            RunConfig(model="vse_infty", n_grid_regions=16, min_word_count=1, word_dim=8, joint_dim=16),
        ],
    )
    def test_json_and_back_is_equal(self, config: RunConfig) -> None:
        assert RunConfig.model_validate_json(config.model_dump_json()) == config


class TestMethod:
    def test_decoys_are_planted_by_default_and_the_threshold_follows_from_the_rate(self) -> None:
        config = RunConfig()
        assert (config.method, config.fdr, config.threshold) == ("default", 0.1, None)

    def test_another_method_is_refused(self) -> None:
        assert refusals(method="lemon") == [("method", "literal_error")]

    @pytest.mark.parametrize("fdr", [0, 1, -0.1, 1.5, float("nan"), None])
    def test_a_rate_lies_between_0_and_1(self, fdr: float | None) -> None:
        assert [loc for loc, _ in refusals(fdr=fdr)] == ["fdr"]

    @pytest.mark.parametrize("threshold", [-0.1, 1.5, float("nan")])
    def test_a_threshold_lies_within_0_and_1(self, threshold: float) -> None:
        assert [loc for loc, _ in refusals(threshold=threshold)] == ["threshold"]

    def test_a_configuration_that_is_older_than_methods_still_reads(self) -> None:
        stored = RunConfig(threshold=0.1).model_dump(mode="json", exclude={"method", "fdr"})
        assert RunConfig.model_validate(stored).threshold == 0.1


class TestModel:
    def test_heads_read_one_vector_and_vse_infty_regions(self) -> None:
        assert (RunConfig().model, RunConfig().reads_regions) == ("heads", False)
        assert RunConfig(model="vse_infty").reads_regions

    @pytest.mark.parametrize("model", ["saf", "sgr", "sgraf"])
    def test_a_model_without_vectors_is_said_to_live_in_the_benchmark_only(self, model: str) -> None:
        with pytest.raises(ValidationError, match=f"'{model}' lives in `mispair bench paper` only") as caught:
            RunConfig.model_validate({"model": model})
        assert caught.value.errors()[0]["type"] == "model_not_served"

    @pytest.mark.parametrize("model", ["gpt", "", None, 1, [], {"saf": 1}])
    def test_any_other_model_is_refused_with_those_that_there_are(self, model: object) -> None:
        with pytest.raises(ValidationError, match="'heads' or 'vse_infty'"):
            RunConfig.model_validate({"model": model})


class TestRegions:
    @pytest.mark.parametrize("number", [1, 4, 9, 49, 1024])
    def test_a_square_number_is_taken(self, number: int) -> None:
        assert RunConfig(model="vse_infty", n_grid_regions=number).n_grid_regions == number

    def test_another_number_is_refused_with_the_squares_beside_it(self) -> None:
        with pytest.raises(ValidationError, match="10 is no square number; the nearest are 9 and 16"):
            RunConfig(model="vse_infty", n_grid_regions=10)

    @pytest.mark.parametrize("number", [0, -4, 1025, 33**2])
    def test_a_number_out_of_range_is_refused(self, number: int) -> None:
        refused = refusals(model="vse_infty", n_grid_regions=number)
        assert [loc for loc, _ in refused] == ["n_grid_regions"]

    @pytest.mark.parametrize("chosen", [{"n_grid_regions": 4}, {"min_word_count": 2}, {"word_dim": 100}])
    def test_heads_refuse_a_setting_that_they_do_not_have(self, chosen: dict[str, int]) -> None:
        assert refusals(**chosen) == [(next(iter(chosen)), "not_of_this_model")]

    def test_heads_take_the_defaults_of_such_settings_as_stored_configurations_name_them(self) -> None:
        assert RunConfig.model_validate(RunConfig().model_dump()) == RunConfig()


class TestOfVseInfty:
    def test_it_has_no_dropout(self) -> None:
        assert refusals(model="vse_infty", dropout=0.3) == [("dropout", "not_of_this_model")]
        assert RunConfig(model="vse_infty", dropout=0.0).dropout == 0.0

    def test_its_joint_dim_is_even(self) -> None:
        assert refusals(model="vse_infty", joint_dim=17) == [("joint_dim", "not_even")]
        assert RunConfig(joint_dim=17).joint_dim == 17
