import dataclasses
import json
import math
from typing import Any

import pytest

from crcl_core.models import ModelKind
from crcl_core.training import TrainingConfig
from crcl_core.training.schedule import epoch_positions


class TestTrainingConfig:
    def test_the_defaults_are_the_papers(self) -> None:
        config = TrainingConfig()
        assert config.round_epochs == (5, 5, 5, 30)
        assert (config.temperature, config.momentum, config.label_floor) == (0.05, 0.8, 0.1)
        assert (config.complementary_weight, config.warmup_epochs, config.batch_size) == (5.0, 2, 128)

    def test_epochs_of_all_rounds_count_their_warm_ups(self) -> None:
        assert TrainingConfig(round_epochs=(3, 4), warmup_epochs=2).n_total_epochs == 11

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("round_epochs", ()),
            ("round_epochs", (3, 0)),
            ("warmup_epochs", -1),
            ("temperature", 0.0),
            ("temperature", math.nan),
            ("complementary_weight", -0.1),
            ("momentum", 1.1),
            ("label_floor", -0.1),
            ("batch_size", 1),
            ("learning_rate", 0.0),
            ("learning_rate", math.inf),
            ("weight_decay", -1.0),
            ("gradient_clip", 0.0),
            ("lr_decay_epochs", 0),
            ("joint_dim", 0),
            ("dropout", 1.0),
            ("validation_ratio", 1.0),
            ("precision", "float16"),
            ("model", "oracle"),
            ("objective", "hope"),
            ("margin", -0.1),
            ("serving_lr_decay_epochs", 0),
            ("word_noise_ratio", 1.1),
            ("region_drop_ratio", -0.1),
            ("word_dim", 0),
            ("similarity_dim", 0),
        ],
    )
    def test_a_value_out_of_range_is_named(
        self,
        name: str,
        value: Any,  # Any: fields of several types.
    ) -> None:
        with pytest.raises(ValueError, match=f"{name} is .*, expected "):
            TrainingConfig(**{name: value})

    def test_all_faults_are_listed_at_once(self) -> None:
        with pytest.raises(ValueError, match=r"batch_size is 1, .*; momentum is 2, expected .* \[0, 1\]"):
            TrainingConfig(batch_size=1, momentum=2)


class TestFingerprint:
    def test_settings_that_went_through_json_have_the_same(self) -> None:
        config = TrainingConfig(round_epochs=(2, 3), seed=7)
        again = TrainingConfig(**json.loads(json.dumps(dataclasses.asdict(config))))
        assert again == config
        assert again.fingerprint() == config.fingerprint()

    @pytest.mark.parametrize("changed", [{"seed": 1}, {"temperature": 0.06}, {"precision": "float32"}])
    def test_any_other_setting_changes_it(
        self,
        changed: dict[str, Any],  # Any: fields of several types.
    ) -> None:
        assert TrainingConfig(**changed).fingerprint() != TrainingConfig().fingerprint()


class TestForCorpus:
    @pytest.mark.parametrize(
        ("n_pairs", "n_images", "round_epochs"),
        [
            (1_000, 1_000, (4,) * 6),
            (5_000, 5_000, (4,) * 6),
            (5_001, 5_001, (4,) * 4),
            (20_001, 20_001, (4,) * 3),
            (1_000, 200, (5, 5, 5, 5, 5, 4)),
            (30_000, 6_000, (5, 5, 4)),
            (60_000, 60_000, (4,) * 3),
            (120_000, 120_000, (2,) * 3),
            (145_000, 29_000, (2,) * 3),
            (10_000_000, 10_000_000, (2,) * 3),
        ],
    )
    def test_rounds_follow_from_pairs_and_captions_an_image(
        self, n_pairs: int, n_images: int, round_epochs: tuple[int, ...]
    ) -> None:
        assert TrainingConfig.for_corpus(n_pairs, n_images).round_epochs == round_epochs

    def test_the_rest_is_one_warm_up_epoch_and_dropout(self) -> None:
        config = TrainingConfig.for_corpus(6_000, 6_000)
        assert (config.warmup_epochs, config.dropout) == (1, 0.3)
        assert (
            dataclasses.replace(
                config,
                round_epochs=(5, 5, 5, 30),
                warmup_epochs=2,
                dropout=0.0,
                lr_decay_epochs=15,
                serving_lr_decay_epochs=None,
            )
            == TrainingConfig()
        )

    def test_the_last_two_epochs_of_a_round_train_at_a_tenth_of_the_rate_and_the_last_round_slows_down_earlier(
        self,
    ) -> None:
        config = TrainingConfig.for_corpus(6_000, 6_000, learning_rate=1.0)
        rates = [position.learning_rate for position in epoch_positions(config)]
        assert rates == pytest.approx([1, 1, 1, 0.1, 0.1] * 3 + [1, 1, 0.1, 0.1, 0.01])

    def test_rounds_that_were_chosen_keep_one_step(self) -> None:
        config = TrainingConfig.for_corpus(6_000, 6_000, round_epochs=(3, 30))
        assert config.serving_lr_decay_epochs is None

    @pytest.mark.parametrize("model", ["saf", "sgr"])
    def test_saf_and_sgr_are_refused_rather_than_given_settings_of_heads(self, model: str) -> None:
        with pytest.raises(ValueError, match=f"no settings are known to suit model {model} to a corpus"):
            TrainingConfig.for_corpus(6_000, 6_000, model=model)

    def test_chosen_settings_win(self) -> None:
        chosen: dict[str, Any] = {  # Any: fields of several types.
            "round_epochs": (1, 9),
            "warmup_epochs": 0,
            "dropout": 0.1,
            "lr_decay_epochs": 7,
            "seed": 5,
        }
        config = TrainingConfig.for_corpus(1_000, 1_000, **chosen)
        assert {name: getattr(config, name) for name in chosen} == chosen

    def test_chosen_rounds_move_the_fall_of_the_rate(self) -> None:
        # The paper's rounds with the fall of short ones would train their last 28 epochs at 1e-10 of the rate.
        config = TrainingConfig.for_corpus(145_000, 29_000, round_epochs=[5, 5, 5, 30], learning_rate=1.0)
        rates = [position.learning_rate for position in epoch_positions(config)]
        assert rates == pytest.approx([1.0] * 18 + [1.0] * 29 + [0.1] * 2)

    def test_chosen_settings_are_checked(self) -> None:
        with pytest.raises(ValueError, match="round_epochs is "):
            TrainingConfig.for_corpus(1_000, 1_000, round_epochs=())

    def test_a_corpus_without_images_has_settings_too(self) -> None:
        assert TrainingConfig.for_corpus(0, 0).round_epochs == (4,) * 6

    def test_vse_infinity_has_short_rounds_and_a_long_last_one_whatever_the_size(self) -> None:
        for n_pairs in (500, 30_000):
            config = TrainingConfig.for_corpus(n_pairs, n_pairs, model="vse_infty")
            assert config.model is ModelKind.VSE_INFTY
            assert (config.round_epochs, config.warmup_epochs, config.lr_decay_epochs) == ((2, 2, 2, 8), 2, 8)
            assert (config.joint_dim, config.dropout) == (256, 0.0)

    def test_what_is_chosen_of_vse_infinity_wins(self) -> None:
        config = TrainingConfig.for_corpus(500, 500, model=ModelKind.VSE_INFTY, round_epochs=(1, 3), joint_dim=16)
        assert (config.round_epochs, config.lr_decay_epochs, config.joint_dim) == ((1, 3), 3, 16)

    def test_a_model_that_does_not_exist_is_named(self) -> None:
        with pytest.raises(ValueError, match="model is 'oracle', expected one of 'heads'"):
            TrainingConfig.for_corpus(500, 500, model="oracle")
