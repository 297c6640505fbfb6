import itertools

import pytest

from crcl_core.models import ModelKind
from crcl_core.paper import PaperDataset, PaperModel, load_settings
from crcl_core.training import Objective, TrainingConfig

CELLS = list(itertools.product(PaperDataset, PaperModel))


class TestLoadSettings:
    @pytest.mark.parametrize(("dataset", "model"), CELLS)
    def test_every_row_has_settings_that_can_be_trained_with(self, dataset: PaperDataset, model: PaperModel) -> None:
        settings = load_settings(dataset, model)
        for kind in model.kinds:
            config = settings.training_config(kind, 7)
            assert (config.model, config.seed) == (kind, 7)

    @pytest.mark.parametrize(("dataset", "model"), CELLS)
    def test_what_is_listed_as_doubtful_has_a_value(self, dataset: PaperDataset, model: PaperModel) -> None:
        settings = load_settings(dataset, model)
        assert {*settings.unconfirmed, *settings.not_in_paper} <= set(settings.values)

    @pytest.mark.parametrize("model", [PaperModel.VSE_INFTY, PaperModel.SAF, PaperModel.SGR])
    def test_flickr30k_has_the_settings_of_the_official_script(self, model: PaperModel) -> None:
        settings = load_settings(PaperDataset.F30K, model)
        (kind,) = model.kinds
        assert settings.unconfirmed == ()
        assert settings.training_config(kind, 0) == TrainingConfig(
            model=kind,
            round_epochs=(5, 5, 5, 30),
            warmup_epochs=2,
            lr_decay_epochs=15,
            temperature=0.05,
            complementary_weight=5.0,
            momentum=0.8,
            label_floor=0.1,
            batch_size=128,
            learning_rate=5e-4,
            weight_decay=0.01,
            gradient_clip=2.0,
            joint_dim=1024,
            word_dim=300,
            similarity_dim=256,
            dropout=0.0 if kind is ModelKind.VSE_INFTY else 0.4,
            word_noise_ratio=0.2,
            region_drop_ratio=0.2,
            precision="float32",  # type: ignore[arg-type]  # as a file has it
        )

    @pytest.mark.parametrize("dataset", [PaperDataset.COCO, PaperDataset.CC152K])
    def test_the_rounds_of_the_other_data_sets_are_unconfirmed(self, dataset: PaperDataset) -> None:
        for model in (PaperModel.VSE_INFTY, PaperModel.SGRAF):
            assert load_settings(dataset, model).unconfirmed == ("round_epochs", "lr_decay_epochs")

    @pytest.mark.parametrize(
        ("dataset", "n_pairs", "n_images"),
        [
            (PaperDataset.F30K, 145_000, 29_000),
            (PaperDataset.COCO, 566_435, 113_287),
            (PaperDataset.CC152K, 150_000, 150_000),
        ],
    )
    def test_heads_have_the_rounds_that_suit_the_size(self, dataset: PaperDataset, n_pairs: int, n_images: int) -> None:
        config = load_settings(dataset, PaperModel.HEADS).training_config(ModelKind.HEADS, 0)
        suited = TrainingConfig.for_corpus(n_pairs, n_images)
        for name in ("round_epochs", "warmup_epochs", "lr_decay_epochs", "dropout", "joint_dim"):
            assert getattr(config, name) == getattr(suited, name), name


class TestChangedTo:
    settings = load_settings(PaperDataset.COCO, PaperModel.SAF)

    def test_a_changed_value_is_no_longer_unconfirmed(self) -> None:
        changed = self.settings.changed_to({"round_epochs": [1, 1], "temperature": 1, "objective": "info_nce"})
        assert changed.unconfirmed == ("lr_decay_epochs",)
        assert changed.changed == ("objective", "round_epochs", "temperature")
        config = changed.training_config(ModelKind.SAF, 0)
        assert (config.round_epochs, config.temperature) == ((1, 1), 1)
        assert config.objective is Objective.INFO_NCE

    def test_the_vocabulary_can_be_changed_too(self) -> None:
        assert self.settings.min_word_count == 4
        assert self.settings.changed_to({"min_word_count": 1}).min_word_count == 1

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"batchsize": 4}, "'batchsize' is no setting, expected one of batch_size, complementary_weight"),
            ({"model": "sgr"}, "'model' is no setting"),
            ({"batch_size": "many"}, "batch_size is 'many', expected a value such as 128"),
            ({"batch_size": 1.5}, "batch_size is 1.5"),
            ({"mask_siblings": 1}, "mask_siblings is 1, expected a value such as true"),
            ({"round_epochs": 3}, r"round_epochs is 3, expected a value such as \[5, 5, 5, 30\]"),
            ({"round_epochs": ["a"]}, "round_epochs is"),
            ({"temperature": True}, "temperature is True, expected a value such as 0.05"),
            ({"precision": 16}, "precision is 16, expected a value such as auto"),
            ({"min_word_count": 0}, "min_word_count is 0, expected 1 or more"),
            ({"a": 1, "b": 2}, "'a' is no setting.*; 'b' is no setting"),
        ],
    )
    def test_refuses_what_is_no_setting_or_not_its_value(self, changes: dict[str, object], message: str) -> None:
        with pytest.raises(ValueError, match=message):
            self.settings.changed_to(changes)

    def test_a_value_out_of_range_is_refused_before_training(self) -> None:
        with pytest.raises(ValueError, match="batch_size is 1, expected 2 or more"):
            self.settings.changed_to({"batch_size": 1}).training_config(ModelKind.SAF, 0)
