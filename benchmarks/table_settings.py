"""How each method of the tables is trained. Chosen on pairs held out of the train split, never on dev."""

from typing import Any

from table_cells import Cell

from crcl_core.data import PairFeatures
from crcl_core.models import ModelKind
from crcl_core.training import Objective, TrainingConfig

# Epochs of a baseline, and after how many its rate drops; the epoch that serves is chosen on held-out pairs. On heads
# InfoNCE memorises from its second epoch on, so it is slowed down after the first, which is what suits it best.
_BASELINE_EPOCHS = {
    ("heads", "info_nce", 1): (4, 1),
    ("heads", "info_nce", 5): (4, 1),
    ("heads", "triplet", 1): (14, 8),
    ("heads", "triplet", 5): (10, 8),
    ("vse_infty", "info_nce", 5): (10, 8),
    ("vse_infty", "triplet", 5): (10, 8),
    ("saf", "info_nce", 1): (10, 8),
    ("saf", "triplet", 1): (12, 9),
    ("sgr", "info_nce", 1): (10, 8),
    ("sgr", "triplet", 1): (12, 9),
}
_FITTED_EPOCHS = 30
# NCR: epochs after one of warm-up. A longer warm-up fits the mismatches before they are told apart.
_NCR_EPOCHS = {1: 12, 5: 6}

_ROUNDS: dict[str, dict[str, Any]] = {  # Any: settings of several types.
    # The official code's proportions on 29,995 pairs.
    "vse_infty": {"round_epochs": (2, 2, 2, 8), "warmup_epochs": 2, "lr_decay_epochs": 8},
    # On 5,999 pairs an epoch has 47 steps, and after two of them the first estimates would all lie below the floor.
    "saf": {"round_epochs": (3, 3, 5), "warmup_epochs": 5, "lr_decay_epochs": 8},
    "sgr": {"round_epochs": (3, 3, 5), "warmup_epochs": 5, "lr_decay_epochs": 8},
}
_SIZES: dict[str, dict[str, Any]] = {  # Any: as above.
    "vse_infty": {"joint_dim": 256},
    "saf": {"joint_dim": 128, "similarity_dim": 32, "dropout": 0.4},
    "sgr": {"joint_dim": 128, "similarity_dim": 32, "dropout": 0.4},
}


def training_config(cell: Cell, pairs: PairFeatures) -> TrainingConfig:
    """The settings of a cell's training; those of the product where it trains CRCL on heads."""
    if cell.model != "heads":
        return _region_model_config(cell)
    if cell.variant == "fitted":
        return _fitted_config(cell, pairs)
    if cell.method == "crcl":
        product = TrainingConfig.for_corpus(pairs.n_pairs, pairs.n_images, seed=cell.seed)
        return _ablated(cell.variant, product, pairs)
    if cell.method == "ncr":
        rounds = (_NCR_EPOCHS[cell.captions_per_image],)
        return TrainingConfig(round_epochs=rounds, warmup_epochs=1, dropout=0.3, seed=cell.seed)
    return _baseline(cell, dropout=0.3)


def _baseline(cell: Cell, **more: Any) -> TrainingConfig:  # Any: as above.
    # LEMoN's joint space is that of a contrastive head trained on the noisy pairs.
    objective = Objective.INFO_NCE if cell.method == "lemon" else Objective(cell.method)
    n_epochs, n_until_decay = _BASELINE_EPOCHS[cell.model, objective.value, cell.captions_per_image]
    rounds: dict[str, Any] = {
        "round_epochs": (n_epochs,),
        "warmup_epochs": 0,
        "lr_decay_epochs": n_until_decay,
    }  # Any: as above.
    return TrainingConfig(objective=objective, seed=cell.seed, **{**rounds, **more})


def _region_model_config(cell: Cell) -> TrainingConfig:
    sizes = {**_SIZES[cell.model], "model": ModelKind(cell.model)}
    if cell.method == "crcl":
        return TrainingConfig(**_ROUNDS[cell.model], **sizes, seed=cell.seed)
    return _baseline(cell, **sizes)


def _fitted_config(cell: Cell, pairs: PairFeatures) -> TrainingConfig:
    if cell.method == "crcl":
        # One epoch count for all three, cut into the product's rounds.
        product = TrainingConfig.for_corpus(pairs.n_pairs, pairs.n_images, seed=cell.seed)
        n_rounds = _FITTED_EPOCHS // (product.round_epochs[0] + product.warmup_epochs)
        rounds = (product.round_epochs[0],) * n_rounds
        return TrainingConfig.for_corpus(pairs.n_pairs, pairs.n_images, seed=cell.seed, round_epochs=rounds)
    return _baseline(cell, dropout=0.3, round_epochs=(_FITTED_EPOCHS,), lr_decay_epochs=_FITTED_EPOCHS)


def _ablated(variant: str, product: TrainingConfig, pairs: PairFeatures) -> TrainingConfig:
    changes: dict[str, dict[str, Any]] = {  # Any: as above.
        "": {},
        "no_complementary": {"complementary_weight": 0.0},
        "no_momentum": {"momentum": 0.0},
        # All epochs in one go, with as many in which labels are refined.
        "no_rounds": {"round_epochs": (sum(product.round_epochs),)},
        "no_floor": {"label_floor": 0.0},
        "siblings_are_negatives": {"mask_siblings": False},
    }
    if variant.startswith("rounds_"):
        changes[variant] = {"round_epochs": product.round_epochs[:1] * int(variant.removeprefix("rounds_"))}
    return TrainingConfig.for_corpus(pairs.n_pairs, pairs.n_images, seed=product.seed, **changes[variant])
