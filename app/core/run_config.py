"""The frozen configuration of a run, as the API takes it and the database keeps it."""

import math
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

RoundEpochs = Annotated[int, Field(ge=1, le=500)]

_WITHOUT_VECTORS = ("saf", "sgr", "sgraf")
_OF_REGIONS_AND_WORDS = ("n_grid_regions", "min_word_count", "word_dim")


def _is_served(model: Any) -> Any:  # Any: whatever a client sent
    if isinstance(model, str) and model in _WITHOUT_VECTORS:
        raise PydanticCustomError(
            "model_not_served",
            "model '{model}' compares an image with a caption at a time and has no vectors to search; a run trains "
            "'heads' or 'vse_infty', and '{model}' lives in `mispair bench paper` only",
            {"model": model},
        )
    return model


class RunConfig(BaseModel):
    """What a run does. Unknown fields are refused; a stored configuration never changes.

    Defaults are the paper's (NeurIPS 2023, section 4) where it gives one. What is None follows from the model and the
    corpus's size, because the paper's rounds of 5,5,5,30 epochs are meant for 145,000 pairs.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    encoder: str | None = Field(
        default=None, max_length=100, description="a registered encoder; default: the operator's"
    )
    model: Annotated[Literal["heads", "vse_infty"], BeforeValidator(_is_served)] = Field(
        default="heads",
        description="heads: one vector an image and a caption, from the encoder; vse_infty: regions of an image and "
        "words of a caption",
    )
    method: Literal["default", "crcl"] = Field(
        default="default",
        description="default: known mismatches (decoys) are planted before training and make correspondence a "
        "calibrated probability; crcl: nothing is planted, and correspondence is the paper's label without its floor",
    )
    scorers: tuple[Literal["default", "crcl", "lemon", "similarity"], ...] = Field(
        default=(),
        max_length=4,
        description="other scores to have beside correspondence, a column each: lemon (LEMoN's neighbours), similarity "
        "(the encoder's own cosine, where it has a joint space); default and crcl always have theirs, correspondence "
        "and correspondence_label",
    )
    round_epochs: Annotated[tuple[RoundEpochs, ...], Field(min_length=1, max_length=20)] | None = Field(
        default=None,
        description="training epochs of each round, warm-up not counted; default: by model and corpus size",
    )
    warmup_epochs: Annotated[int, Field(ge=0, le=50)] | None = Field(
        default=None, description="epochs of a round in which labels stay frozen; default: by model"
    )
    batch_size: int = Field(default=128, ge=2, le=4096)
    learning_rate: float = Field(default=5e-4, gt=0, le=1)
    weight_decay: float = Field(default=0.01, ge=0, le=1)
    temperature: float = Field(default=0.05, gt=0, le=10)
    momentum: float = Field(default=0.8, ge=0, le=1, description="share of the old label that an update keeps")
    label_floor: float = Field(default=0.1, ge=0, lt=1, description="labels below become 0")
    complementary_weight: float = Field(default=5.0, ge=0, le=1000)
    dropout: Annotated[float, Field(ge=0, lt=1)] | None = Field(
        default=None, description="of heads; default: 0.3. vse_infty has none"
    )
    joint_dim: Annotated[int, Field(ge=8, le=4096)] | None = Field(
        default=None, description="width of the vectors that are searched; default: heads 512, vse_infty 256"
    )
    n_grid_regions: int = Field(
        default=9,
        ge=1,
        le=1024,
        description="of vse_infty: a square number, the cells of the grid that an image is divided into; the whole "
        "image is one region more",
    )
    min_word_count: Annotated[int, Field(ge=1, le=1000)] | None = Field(
        default=None,
        description="of vse_infty: in how many places of the distinct captions a word must occur to be known; "
        "default: 2 below 10,000 distinct captions, else 4",
    )
    word_dim: int = Field(default=300, ge=8, le=2048, description="of vse_infty: width of a word's embedding")
    fdr: float = Field(
        default=0.1,
        gt=0,
        lt=1,
        description="false discovery rate of a calibrated run's default threshold: the expected share of wrong flags "
        "among the flagged",
    )
    threshold: Annotated[float, Field(ge=0, le=1)] | None = Field(
        default=None,
        description="default cut: correspondence below it is flagged; default: where the run is calibrated, the "
        "largest at `fdr`, but at most 0.5; else 0.1, the paper's floor",
    )
    certify: bool = Field(
        default=False,
        description="also prove what the cleaning gains: a plain recipe trained on the raw, the cleaned and a randomly "
        "thinned corpus, judged on images that neither it nor the cleaning saw; three seeds, so that the corpus is "
        "cleaned three times more",
    )
    seed: int = Field(default=0, ge=0, le=2**31 - 1)

    @property
    def reads_regions(self) -> bool:
        """Whether the model reads an image as regions and a caption as words, rather than one vector each."""
        return self.model == "vse_infty"

    @field_validator("n_grid_regions")
    @classmethod
    def _is_square(cls, number: int) -> int:
        side = math.isqrt(number)
        if side * side != number:
            raise PydanticCustomError(
                "not_square",
                "{number} is no square number; the nearest are {below} and {above}",
                {"number": number, "below": side**2, "above": (side + 1) ** 2},
            )
        return number

    @field_validator(*_OF_REGIONS_AND_WORDS)
    @classmethod
    def _is_for_regions(cls, value: Any, info: ValidationInfo) -> Any:  # Any: fields of several types
        assert info.field_name is not None
        # A stored configuration names every field, so a default value is no choice.
        if info.data.get("model") == "heads" and value != cls.model_fields[info.field_name].default:
            raise PydanticCustomError(
                "not_of_this_model",
                "model 'heads' reads one vector an image and a caption; {name} is a setting of 'vse_infty'",
                {"name": info.field_name},
            )
        return value

    @field_validator("dropout")
    @classmethod
    def _is_for_heads(cls, dropout: float | None, info: ValidationInfo) -> float | None:
        if info.data.get("model") == "vse_infty" and dropout:
            raise PydanticCustomError(
                "not_of_this_model", "model 'vse_infty' has no dropout; dropout is a setting of 'heads'"
            )
        return dropout

    @field_validator("joint_dim")
    @classmethod
    def _is_even_for_regions(cls, joint_dim: int | None, info: ValidationInfo) -> int | None:
        if info.data.get("model") == "vse_infty" and joint_dim is not None and joint_dim % 2:
            raise PydanticCustomError(
                "not_even", "model 'vse_infty' halves joint_dim inside; {joint_dim} is odd", {"joint_dim": joint_dim}
            )
        return joint_dim
