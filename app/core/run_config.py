"""The frozen configuration of a run, as the API takes it and the database keeps it."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

RoundEpochs = Annotated[int, Field(ge=1, le=500)]


class RunConfig(BaseModel):
    """What a run does. Unknown fields are refused; a stored configuration never changes.

    Defaults are the paper's (NeurIPS 2023, section 4) where it gives one. What is None follows from the corpus's size,
    because the paper's rounds of 5,5,5,30 epochs are meant for 145,000 pairs.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    encoder: str | None = Field(
        default=None, max_length=100, description="a registered encoder; default: the operator's"
    )
    model: Literal["heads"] = "heads"
    round_epochs: Annotated[tuple[RoundEpochs, ...], Field(min_length=1, max_length=20)] | None = Field(
        default=None, description="training epochs of each round, warm-up not counted; default: by corpus size"
    )
    warmup_epochs: Annotated[int, Field(ge=0, le=50)] | None = Field(
        default=None, description="epochs of a round in which labels stay frozen; default: by corpus size"
    )
    batch_size: int = Field(default=128, ge=2, le=4096)
    learning_rate: float = Field(default=5e-4, gt=0, le=1)
    weight_decay: float = Field(default=0.01, ge=0, le=1)
    temperature: float = Field(default=0.05, gt=0, le=10)
    momentum: float = Field(default=0.8, ge=0, le=1, description="share of the old label that an update keeps")
    label_floor: float = Field(default=0.1, ge=0, lt=1, description="labels below become 0")
    complementary_weight: float = Field(default=5.0, ge=0, le=1000)
    dropout: Annotated[float, Field(ge=0, lt=1)] | None = Field(default=None, description="default: by corpus size")
    joint_dim: int = Field(default=512, ge=8, le=4096)
    threshold: float = Field(
        default=0.1, ge=0, le=1, description="default cut, the paper's floor: correspondence below it is flagged"
    )
    seed: int = Field(default=0, ge=0, le=2**31 - 1)
