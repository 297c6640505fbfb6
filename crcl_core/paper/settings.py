"""The settings behind a row of the tables: files in this package, one for a data set and a family of models."""

import dataclasses
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib import resources
from typing import Any, Final, Self, final

from crcl_core.models import ModelKind
from crcl_core.paper.benchmark import PaperDataset, PaperModel
from crcl_core.training import TrainingConfig

_MIN_WORD_COUNT: Final = "min_word_count"
# Decided by the row itself, so no file and no change may name them.
_OF_THE_ROW: Final = ("model", "seed")
_FAMILIES: Final = {PaperModel.SAF: "saf_sgr", PaperModel.SGR: "saf_sgr", PaperModel.SGRAF: "saf_sgr"}
_DEFAULTS: Final = TrainingConfig()


@final
@dataclass(frozen=True, kw_only=True)
class PaperSettings:
    """Values for the settings of a row, and how far each can be trusted to be the paper's.

    Attributes:
        values: Fields of `TrainingConfig` by name, and `min_word_count`: rarer words of the training captions are read
            as unknown where no official vocabulary is at hand.
        source: Where the values come from.
        unconfirmed: Names of values that are the paper's only as far as we could guess.
        not_in_paper: Names of values that are ours.
        changed: Names of values that were changed for this run, and are therefore in neither of the lists.
    """

    values: Mapping[str, Any]  # Any: fields of several types; `changed_to` and `TrainingConfig` check them.
    source: str
    unconfirmed: tuple[str, ...]
    not_in_paper: tuple[str, ...]
    changed: tuple[str, ...] = ()

    @property
    def min_word_count(self) -> int:
        """How often a word must stand in the training captions to be in the vocabulary; 1 where no words are read."""
        return int(self.values.get(_MIN_WORD_COUNT, 1))

    def changed_to(self, changes: Mapping[str, object]) -> Self:
        """Takes other values for some settings.

        Raises:
            ValueError: A name is unknown or a value is not of its setting's type; the message lists all of them. Values
                out of range are found by `training_config`.
        """
        faults = list(_faults(changes))
        if faults:
            raise ValueError("; ".join(faults))
        return dataclasses.replace(
            self,
            values={**self.values, **changes},
            unconfirmed=tuple(name for name in self.unconfirmed if name not in changes),
            not_in_paper=tuple(name for name in self.not_in_paper if name not in changes),
            changed=tuple(sorted({*self.changed, *changes})),
        )

    def training_config(self, kind: ModelKind, seed: int) -> TrainingConfig:
        """Builds the settings of one training.

        Raises:
            ValueError: A value is out of range.
        """
        fields = {name: value for name, value in self.values.items() if name != _MIN_WORD_COUNT}
        return TrainingConfig(**fields, model=kind, seed=seed)


def load_settings(dataset: PaperDataset, model: PaperModel) -> PaperSettings:
    """Reads the settings of a row from the package."""
    name = f"{dataset.value}_{_FAMILIES.get(model, model.value)}.toml"
    text = resources.files("crcl_core.paper").joinpath("configs", name).read_text(encoding="utf-8")
    content = tomllib.loads(text)
    return PaperSettings(
        values=content["settings"],
        source=content["source"],
        unconfirmed=tuple(content["unconfirmed"]),
        not_in_paper=tuple(content["not_in_paper"]),
    )


def _faults(changes: Mapping[str, object]) -> Iterator[str]:
    usual = {**dataclasses.asdict(_DEFAULTS), _MIN_WORD_COUNT: 4}
    for name in _OF_THE_ROW:
        del usual[name]
    for name, value in changes.items():
        if name not in usual:
            yield f"{name!r} is no setting, expected one of {', '.join(sorted(usual))}"
        elif not _is_like(value, usual[name]):
            yield f"{name} is {value!r}, expected a value such as {_as_typed(usual[name])}"
        elif name == _MIN_WORD_COUNT and isinstance(value, int) and value < 1:
            yield f"{name} is {value}, expected 1 or more"


def _is_like(value: object, usual: object) -> bool:
    if isinstance(usual, tuple):
        return isinstance(value, list | tuple) and all(_is_like(number, 1) for number in value)
    if isinstance(usual, str):
        return isinstance(value, str)
    if isinstance(usual, float):
        return isinstance(value, int | float) and not isinstance(value, bool)
    return type(value) is type(usual)


def _as_typed(usual: object) -> str:
    if isinstance(usual, StrEnum):
        return usual.value
    if isinstance(usual, tuple):
        return str(list(usual))
    return str(usual).lower() if isinstance(usual, bool) else str(usual)
