import pytest
from pydantic import ValidationError

from app.core.run_config import RunConfig


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

    def test_json_and_back_is_equal(self) -> None:
        config = RunConfig(round_epochs=(2, 2, 8), seed=7)
        assert RunConfig.model_validate_json(config.model_dump_json()) == config
