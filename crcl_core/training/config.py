"""The settings of one training, in the paper's terms, and how they follow from a corpus's size."""

import dataclasses
import hashlib
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self, final

from crcl_core.models import ModelKind
from crcl_core.training.objectives import Objective

# Raised whenever a change of the code changes what a training computes: older checkpoints are then refused.
CODE_VERSION = "3"

# Up to that many pairs, that many rounds.
_ROUNDS: tuple[tuple[float, int], ...] = ((5_000, 6), (20_000, 4), (math.inf, 3))
_SEVERAL_CAPTIONS = 1.2
# Of the last round of heads: its length, and after how many epochs its rate drops.
_SERVING_EPOCHS = 4
_SERVING_DECAY_EPOCHS = 2
# With more pairs than this an epoch has so many steps that rounds need fewer of them.
_MANY_PAIRS = 60_000
# VSE-infinity learns its words from nothing, so its last round is long, as the paper's is: the official code's
# proportions on 30,000 pairs.
_SUITED_TO_VSE_INFTY: dict[str, Any] = {  # Any: fields of several types.
    "round_epochs": (2, 2, 2, 8),
    "warmup_epochs": 2,
    "joint_dim": 256,
}

_RANGES: tuple[tuple[tuple[str, ...], Callable[[float], bool], str], ...] = (
    (("warmup_epochs", "complementary_weight", "weight_decay", "margin"), lambda value: value >= 0, "0 or more"),
    (("lr_decay_epochs", "joint_dim", "word_dim", "similarity_dim"), lambda value: value >= 1, "1 or more"),
    (("batch_size",), lambda value: value >= 2, "2 or more"),
    (("temperature", "learning_rate", "gradient_clip"), lambda value: value > 0, "a number above 0"),
    (
        ("momentum", "label_floor", "word_noise_ratio", "region_drop_ratio"),
        lambda value: 0 <= value <= 1,
        "a number in [0, 1]",
    ),
    (("dropout", "validation_ratio"), lambda value: 0 <= value < 1, "a number in [0, 1)"),
)


class Precision(StrEnum):
    """In which numbers a model computes."""

    AUTO = "auto"
    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"


_CHOICES: dict[str, type[StrEnum]] = {"model": ModelKind, "objective": Objective, "precision": Precision}


@final
@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """Settings of a training. The defaults are the paper's where it has one.

    Attributes:
        model: What is trained.
        objective: What is minimised: CRCL, or a baseline, whose labels stay 1.
        round_epochs: Epochs of each round after its warm-up; a round trains a fresh model, labels carry over.
        warmup_epochs: Epochs at the start of every round in which the labels stay frozen.
        temperature: Divides the similarities (tau).
        complementary_weight: Weight of the complementary loss (lambda).
        momentum: Share of the old label in each correction (alpha).
        label_floor: Labels below it count as 0.
        batch_size: B aimed at; batches of an epoch differ by at most one pair, see `near_equal_batches`.
        learning_rate: Of AdamW, at the start of a round.
        weight_decay: Of AdamW.
        gradient_clip: Largest norm of the gradient of all weights together.
        lr_decay_epochs: Every that many epochs of a round, warm-up counted, the rate is multiplied by 0.1.
        serving_lr_decay_epochs: The same in the last round, whose model serves; None = as in the others.
        margin: Of the triplet loss.
        mask_siblings: Whether pairs of one image, or of one caption, are no negatives of each other.
        joint_dim: J, width of the embeddings, or the hidden width where the encoder has a joint space.
        word_dim: Width of a word's embedding, in models that read words.
        similarity_dim: Width of a similarity node of SAF and SGR.
        dropout: Heads: share of hidden units dropped in training. SAF and SGR: of word embeddings and attention.
        word_noise_ratio: Share of words disturbed in training, see `disturb_words`.
        region_drop_ratio: Share of regions dropped in training, see `drop_regions`.
        validation_ratio: Share of the pairs held out in the last round to choose the model that serves.
        precision: `auto` computes in bfloat16 where the device is good at it (CUDA), in float32 elsewhere. The loss and
            the labels are always computed in float32 and float64. On a CPU bfloat16 finds as much and gains no time:
            AUROC on Flickr8k (one caption, 40 % noise) 0.96854 in both.
        seed: Seed of every random stream.

    Raises:
        ValueError: One or more values are out of range; the message lists all of them.
    """

    model: ModelKind = ModelKind.HEADS
    objective: Objective = Objective.CRCL
    round_epochs: tuple[int, ...] = (5, 5, 5, 30)
    warmup_epochs: int = 2
    temperature: float = 0.05
    complementary_weight: float = 5.0
    momentum: float = 0.8
    label_floor: float = 0.1
    batch_size: int = 128
    learning_rate: float = 5e-4
    weight_decay: float = 0.01
    gradient_clip: float = 2.0
    lr_decay_epochs: int = 15
    serving_lr_decay_epochs: int | None = None
    margin: float = 0.2
    mask_siblings: bool = True
    joint_dim: int = 512
    word_dim: int = 300
    similarity_dim: int = 256
    dropout: float = 0.0
    word_noise_ratio: float = 0.2
    region_drop_ratio: float = 0.2
    validation_ratio: float = 0.05
    precision: Precision = Precision.AUTO
    seed: int = 0

    def __post_init__(self) -> None:
        # JSON brings lists and plain text; equality and hashing want the tuple and the names.
        object.__setattr__(self, "round_epochs", tuple(self.round_epochs))
        for name, kinds in _CHOICES.items():
            if getattr(self, name) in tuple(kinds):
                object.__setattr__(self, name, kinds(getattr(self, name)))
        faults = list(self._faults())
        if faults:
            raise ValueError("; ".join(faults))

    @classmethod
    def for_corpus(cls, n_pairs: int, n_images: int, **chosen: Any) -> Self:  # Any: fields of several types.
        """Builds the settings that suit a model and a corpus; `chosen` ones are taken as they are.

        VSE-infinity has rounds of 2, 2, 2 and 8 epochs, each after two of warm-up, and a joint width of 256, whatever
        the corpus's size. The rest is about heads.

        The paper's 5,5,5,30 is meant for 145,000 pairs and a large model. Heads on frozen vectors learn in some 50 to
        250 steps what tells pairs apart and then memorise mismatches, so what counts is how often a pair is seen: all
        rounds are short, the fewer pairs the more rounds (each starts from better labels), and the rate drops for the
        last two epochs of each. Measured on Flickr8k at 40 % noise (AUROC of the shadow labels): one caption an image,
        rounds 6,6,6,24 without dropout 0.849, with dropout 0.3 0.880, rounds 4,4,4,4 0.967, with the late drop 0.970;
        five captions, rounds 3,3,3,3 0.990, 5,5,5 0.992; 1,500 pairs, four rounds 0.936, eight 0.940, twelve epochs a
        round 0.747. In the last round the rate drops after two epochs, because its model serves and a rate that stays
        high unlearns to retrieve: r_sum over 500 images kept from training 331 -> 342 with five captions, 274 -> 282
        with one, at the same AUROC within 0.0005 (docs/decisions/0004).

        Args:
            n_pairs: N.
            n_images: I, distinct images.
            chosen: Fields of this class.

        Raises:
            ValueError: As for the class, or the model is SAF or SGR.
        """
        if chosen.get("model") in {ModelKind.SAF, ModelKind.SGR}:
            raise ValueError(f"no settings are known to suit model {chosen['model']!s} to a corpus; name them all")
        is_vse_infinity = chosen.get("model") == ModelKind.VSE_INFTY
        suited = {**(_SUITED_TO_VSE_INFTY if is_vse_infinity else _suited_to_heads(n_pairs, n_images)), **chosen}
        if "round_epochs" in chosen and "serving_lr_decay_epochs" not in chosen:
            suited.pop("serving_lr_decay_epochs", None)
        # From the rounds that were chosen: else most epochs of a chosen round of 30 would train at no rate at all.
        longest = max(suited["round_epochs"], default=0) + suited["warmup_epochs"]
        return cls(**{"lr_decay_epochs": max(2, longest - 2), **suited})

    @property
    def n_total_epochs(self) -> int:
        """Epochs of all rounds, warm-up included."""
        return sum(self.round_epochs) + self.warmup_epochs * len(self.round_epochs)

    def fingerprint(self) -> str:
        """Returns the SHA-256, as hex, of all settings."""
        return hashlib.sha256(json.dumps(dataclasses.asdict(self), sort_keys=True).encode()).hexdigest()

    def _faults(self) -> Iterator[str]:
        if not self.round_epochs or min(self.round_epochs) < 1:
            yield f"round_epochs is {self.round_epochs}, expected one or more numbers of 1 or more"
        for name, kinds in _CHOICES.items():
            if getattr(self, name) not in tuple(kinds):
                allowed = ", ".join(repr(kind.value) for kind in kinds)
                yield f"{name} is {getattr(self, name)!r}, expected one of {allowed}"
        if self.serving_lr_decay_epochs is not None and self.serving_lr_decay_epochs < 1:
            yield f"serving_lr_decay_epochs is {self.serving_lr_decay_epochs}, expected None or 1 or more"
        for names, is_allowed, expected in _RANGES:
            for name in names:
                value = getattr(self, name)
                if not (math.isfinite(value) and is_allowed(value)):
                    yield f"{name} is {value}, expected {expected}"


def _suited_to_heads(n_pairs: int, n_images: int) -> dict[str, Any]:  # Any: fields of several types.
    n_rounds = next(n_rounds for most_pairs, n_rounds in _ROUNDS if n_pairs <= most_pairs)
    captions_per_image = n_pairs / max(n_images, 1)
    # Siblings hold a caption back from being memorised, so a round may be longer where images have several.
    n_epochs = 4 if captions_per_image < _SEVERAL_CAPTIONS else 5
    if n_pairs > _MANY_PAIRS:
        n_epochs = max(2, round(n_epochs * _MANY_PAIRS / n_pairs))
    return {
        "round_epochs": (n_epochs,) * (n_rounds - 1) + (min(n_epochs, _SERVING_EPOCHS),),
        "warmup_epochs": 1,
        "dropout": 0.3,
        "serving_lr_decay_epochs": _SERVING_DECAY_EPOCHS,
    }
