"""How long a training step of each base model takes, beside what the machine's own matrix product would allow.

    python benchmarks/step_time.py [--repeats 5] [--threads 2]

A step is the trainer's own: similarities of all pairs of a batch, label correction, the active complementary loss,
backward, clipping and AdamW. Batch 128, 36 regions of 2,048 numbers, captions of 8 to 19 words, joint width 1,024,
word width 300, similarity width 256: the paper's sizes. Nothing is dropped from the batch, so no work is saved.

`gemm_gflops` is the faster of PyTorch's two products, 2,048 x 2,048 x 2,048, measured before and after every step, for
the speed of a shared machine changes from one second to the next. `roofline_ratio` is the time that the counted
operations (step_operations.py) would take at the mean of the two rates, over the time that the step took. All are
medians over the repeats. Each model has a process of its own, whose peak memory is printed beside a bound counted from
parameters, optimiser and one block of pairs.

`heads_pairs_per_s` is a whole epoch of heads over 512-d vectors, joint width 512, 16,384 pairs.
"""

import argparse
import itertools
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from measuring import describe_machine, print_result, print_table
from step_operations import StepSizes, step_operations

from crcl_core.correspondence import CorrespondenceLabels, RefinementPhase
from crcl_core.data import PairFeatures
from crcl_core.models.matrix_product import product
from crcl_core.models.pair_blocks import DEFAULT_BUDGET_BYTES
from crcl_core.training import TrainingConfig
from crcl_core.training.epoch import EpochTraining
from crcl_core.training.feature_bank import FeatureBank
from crcl_core.training.schedule import epoch_positions
from crcl_core.training.state import fresh_round, model_spec
from crcl_core.training.step import TrainingStep
from crcl_core.types import IntArray

# What the official code takes on two cores; seconds a step.
_OFFICIAL_S = {"vse_infty": 1.65, "saf": 8.7, "sgr": 14.5}
_TO_REACH_S = {"vse_infty": 1.3, "saf": 4.3, "sgr": 9.0}
_MODELS = (*_OFFICIAL_S, "heads")
_SHORTEST, _LONGEST = 8, 19
_VOCABULARY_SIZE = 8_000
_N_HEADS_PAIRS = 16_384
_GEMM = 2_048
_CPU = torch.device("cpu")
# Arrays as wide as J that a region or a word needs from its encoding to its gradient, the features' own copy apart.
_N_FRAGMENT_ARRAYS = 24


@dataclass(frozen=True)
class Measured:
    """What one process measured: seconds a step or an epoch, billions of operations a second, their ratio, MiB."""

    seconds: float
    gemm_gflops: float
    roofline_ratio: float
    peak_rss_mib: int
    bound_mib: int


def main() -> None:
    """Run the benchmark, or one model's part of it."""
    asked = _parse()
    torch.set_num_threads(asked.threads)
    if asked.part:
        print_result(vars(_measure(asked.part, asked.repeats)))
        return
    measured = {model: _in_a_process(model, asked) for model in _MODELS}
    print(f"machine: {describe_machine()}, {asked.threads} threads\n")
    _print(measured)


def _in_a_process(model: str, asked: argparse.Namespace) -> Measured:
    command = [sys.executable, __file__, "--part", model, "--repeats", str(asked.repeats)]
    done = subprocess.run(
        [*command, "--threads", str(asked.threads)], stdout=subprocess.PIPE, text=True, check=True
    ).stdout
    return Measured(**json.loads(done.splitlines()[-1]))


def _print(measured: dict[str, Measured]) -> None:
    rows = [
        (
            model,
            round(of_model.seconds, 2),
            _TO_REACH_S[model],
            official_s,
            round(step_operations(model, _sizes(_caption_lengths())) / 1e9),
            round(of_model.gemm_gflops),
            round(of_model.roofline_ratio, 2),
            of_model.peak_rss_mib,
            of_model.bound_mib,
        )
        for model, official_s in _OFFICIAL_S.items()
        for of_model in [measured[model]]
    ]
    print_table(
        (
            "model",
            "s a step",
            "to reach",
            "official code",
            "10^9 operations",
            "product, 10^9/s",
            "roofline ratio",
            "peak MiB",
            "bound MiB",
        ),
        rows,
    )
    heads = measured["heads"]
    pairs_per_s = round(_N_HEADS_PAIRS / heads.seconds)
    print(f"\nheads: {pairs_per_s} pairs/s (to reach: 8000), peak {heads.peak_rss_mib} MiB\n")
    print_result(
        {
            **{f"{model}_s": round(measured[model].seconds, 3) for model in _OFFICIAL_S},
            "heads_pairs_per_s": pairs_per_s,
            "gemm_gflops": round(statistics.median(of_model.gemm_gflops for of_model in measured.values()), 1),
            "roofline_ratio": {model: round(measured[model].roofline_ratio, 3) for model in _OFFICIAL_S},
            "peak_rss_mib": {model: of_model.peak_rss_mib for model, of_model in measured.items()},
            "bound_mib": {model: of_model.bound_mib for model, of_model in measured.items()},
        }
    )


def _measure(model: str, repeats: int) -> Measured:
    features = _heads_features() if model == "heads" else _region_features(_caption_lengths())
    _load_libraries()
    at_rest_mib = _peak_rss_mib()
    run, n_weights = _heads_epoch(features) if model == "heads" else _region_step(model, features)
    run()  # Not timed: memory is asked for, kernels are chosen.
    rates, seconds = [_gemm_gflops()], []
    for _ in range(repeats):
        seconds.append(_seconds(run))
        rates.append(_gemm_gflops())
    operations = 0.0 if model == "heads" else step_operations(model, _sizes(_caption_lengths()))
    ratios = [
        operations / 1e9 / statistics.fmean(around) / taken
        for around, taken in zip(itertools.pairwise(rates), seconds, strict=True)
    ]
    return Measured(
        seconds=statistics.median(seconds),
        gemm_gflops=statistics.median(rates),
        roofline_ratio=statistics.median(ratios),
        peak_rss_mib=_peak_rss_mib(),
        bound_mib=at_rest_mib + _state_mib(model, features, n_weights),
    )


def _load_libraries() -> None:
    """Run a small step, so that the code of products, gradients and the optimiser is in memory before it is counted."""
    layer = torch.nn.Linear(256, 256)
    optimizer = torch.optim.AdamW(layer.parameters(), fused=True)
    layer(torch.rand(256, 256)).relu().log_softmax(dim=1).sum().backward()
    optimizer.step()
    _gemm_gflops()


def _region_step(model: str, features: PairFeatures) -> tuple[Callable[[], object], int]:
    config = TrainingConfig(**_widths(model), word_noise_ratio=0.0, region_drop_ratio=0.0)
    network, optimizer = fresh_round(config, model_spec(config, features), 0, _CPU)
    step = TrainingStep(config, FeatureBank(features, _CPU), _CPU)
    labels = CorrespondenceLabels(features.n_pairs, momentum=config.momentum, floor=config.label_floor)
    pairs, random = torch.arange(features.n_pairs), torch.Generator().manual_seed(0)
    network.train()
    n_weights = sum(weight.numel() for weight in network.parameters())
    return lambda: step.train(network, optimizer, labels, pairs, RefinementPhase.REFINING, random), n_weights


def _widths(model: str) -> dict[str, Any]:  # Any: settings of several types.
    dropout = 0.0 if model == "vse_infty" else 0.4
    return {"model": model, "joint_dim": 1024, "word_dim": 300, "similarity_dim": 256, "dropout": dropout}


def _heads_epoch(features: PairFeatures) -> tuple[Callable[[], object], int]:
    config = TrainingConfig.for_corpus(features.n_pairs, features.n_images)
    network, optimizer = fresh_round(config, model_spec(config, features), 0, _CPU)
    labels = CorrespondenceLabels(features.n_pairs, momentum=config.momentum, floor=config.label_floor)
    epoch = EpochTraining(config, FeatureBank(features, _CPU), _CPU)
    position = epoch_positions(config)[config.warmup_epochs]
    pairs = torch.arange(features.n_pairs)
    n_weights = sum(weight.numel() for weight in network.parameters())
    return lambda: epoch.train(network, optimizer, labels, pairs, position), n_weights


def _state_mib(model: str, features: PairFeatures, n_weights: int) -> int:
    """Weights, their gradient and AdamW's two moments; the batch's fragments; the pairs' budget."""
    n_bytes = 4 * 4 * n_weights
    if model == "heads":
        # The bank's copy of the vectors.
        n_bytes += features.image_features.nbytes + features.caption_features.nbytes
    else:
        sizes = _sizes(_caption_lengths())
        n_bytes += 4 * (sizes.n_rows + sizes.n_words) * _N_FRAGMENT_ARRAYS * sizes.joint_dim
        # The bank's copy of the regions, and the batch's.
        n_bytes += 2 * features.image_features.nbytes
    if model in {"saf", "sgr"}:
        n_bytes += DEFAULT_BUDGET_BYTES
    return round(n_bytes / 2**20)


def _caption_lengths() -> IntArray:
    lengths: IntArray = np.random.default_rng(0).integers(_SHORTEST, _LONGEST + 1, 128)
    return lengths


def _sizes(lengths: IntArray) -> StepSizes:
    return StepSizes(
        n_pairs=len(lengths),
        n_regions=36,
        region_dim=2048,
        caption_lengths=tuple(lengths.tolist()),
        joint_dim=1024,
        word_dim=300,
        similarity_dim=256,
    )


def _region_features(lengths: IntArray) -> PairFeatures:
    random = np.random.default_rng(0)
    tokens = random.integers(4, _VOCABULARY_SIZE, (len(lengths), _LONGEST), dtype=np.int32)
    tokens *= np.arange(_LONGEST) < lengths[:, None]
    return PairFeatures(
        image_features=random.standard_normal((len(lengths), 36, 2048), dtype=np.float32),
        caption_features=tokens,
        image_index=np.arange(len(lengths)),
        caption_index=np.arange(len(lengths)),
        vocabulary_size=_VOCABULARY_SIZE,
    )


def _heads_features() -> PairFeatures:
    random = np.random.default_rng(0)
    images, captions = random.standard_normal((2, _N_HEADS_PAIRS, 512), dtype=np.float32)
    return PairFeatures(images, captions, np.arange(_N_HEADS_PAIRS), np.arange(_N_HEADS_PAIRS))


def _gemm_gflops() -> float:
    left, right = torch.rand(2, _GEMM, _GEMM)
    runs: tuple[Callable[[], object], ...] = (lambda: left @ right, lambda: product(left, right))
    fastest_s = min(_seconds(run) for _ in range(5) for run in runs)
    return 2 * _GEMM**3 / fastest_s / 1e9


def _seconds(run: Callable[[], object]) -> float:
    started_at = time.perf_counter()
    run()
    return time.perf_counter() - started_at


def _peak_rss_mib() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2, help="CPU threads")
    parser.add_argument("--repeats", type=int, default=5, help="steps that are timed")
    parser.add_argument("--part", choices=_MODELS, default="", help="measure this model in this process")
    return parser.parse_args()


if __name__ == "__main__":
    main()
