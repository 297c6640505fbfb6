"""How well the report's score tells mismatched pairs from clean ones, with mismatches planted into a clean corpus.

    python benchmarks/detection.py train.zip --noise 0.4 --captions-per-image 5 --seeds 3 --eval dev.zip

For seed s the images of a share `--noise` of the pairs are shuffled among those pairs (caption-level noise, NumPy seed
1234 + s), and the service's default run of seed s follows: decoys are planted, CRCL trains, models that never saw a
pair judge it, and the score is what the report orders by. AUROC: 1 = clean. Average precision: positive = mismatch.
`--set method=crcl` is the paper's method alone.
r_sum: recall at 1, 5 and 10 both ways, summed, of the trained model on the clean archive `--eval`, with all its
captions. With `--captions-per-image 1` only the first caption of each image takes part.

An archive is a zip with `captions.csv` (header `image,caption`) and the images. Its vectors are kept in `--cache`.
"""

import argparse
import dataclasses
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from archive_vectors import encode_archive
from measuring import describe_machine, print_result, print_table, seconds_since
from retrieving import r_sum_on

from app.core.run_config import RunConfig
from crcl_core.data import PairFeatures, caption_level_noise
from crcl_core.detection import detect_mismatches
from crcl_core.encoders import load_encoder
from crcl_core.evaluation import auroc, average_precision
from crcl_core.training import TrainingConfig
from mispair.commands.run_settings import read_settings

_FIRST_NOISE_SEED = 1234


@dataclass(frozen=True)
class SeedResult:
    """What one seed measured."""

    seed: int
    n_mismatches: int
    auroc: float
    average_precision: float
    r_sum: float | None
    seconds: float


def main() -> None:
    """Run the benchmark."""
    asked = _parse()
    torch.set_num_threads(asked.threads)
    settings = read_settings(None, asked.settings)
    with tempfile.TemporaryDirectory(prefix="mispair-detection-") as folder:
        cache = asked.cache or Path(folder)
        cache.mkdir(parents=True, exist_ok=True)
        specs = {name: name for name in ("offline", "toy")} | {asked.encoder: asked.encoder}
        encoder = load_encoder(asked.encoder, specs, cache_dir=cache, threads=asked.threads)
        corpus = encode_archive(asked.corpus, encoder, cache)
        held_out = encode_archive(asked.eval, encoder, cache) if asked.eval else None
    if asked.captions_per_image == 1:
        corpus = first_captions(corpus)
    has_joint_space = encoder.joint_dim is not None
    results = []
    for seed in range(asked.seeds):
        config = RunConfig.model_validate({**settings, "seed": seed})
        results.append(measure(corpus, held_out, asked.noise, config, has_joint_space=has_joint_space))
        print(f"seed {seed}: AUROC {results[-1].auroc:.4f} in {results[-1].seconds} s", flush=True)
    _print(asked, corpus, results)


def measure(
    corpus: PairFeatures, held_out: PairFeatures | None, noise: float, config: RunConfig, *, has_joint_space: bool
) -> SeedResult:
    """Plant mismatches, train, and compare the score with what was planted."""
    started_at = time.monotonic()
    planted = caption_level_noise(corpus.image_index, noise, _FIRST_NOISE_SEED + config.seed)
    noisy = dataclasses.replace(corpus, image_index=planted.image_index)
    found = detect_mismatches(
        noisy, training_config(config, noisy), is_plain=config.method == "crcl", has_joint_space=has_joint_space
    )
    # The report's order: correspondence never falls with this score, which breaks its ties.
    score = found.findings.rank_score
    return SeedResult(
        seed=config.seed,
        n_mismatches=int(planted.is_mismatch.sum()),
        auroc=auroc(score, ~planted.is_mismatch),
        average_precision=average_precision(score, planted.is_mismatch),
        r_sum=None if held_out is None else r_sum_on(held_out, found.training.model),
        seconds=seconds_since(started_at),
    )


def training_config(config: RunConfig, corpus: PairFeatures) -> TrainingConfig:
    """The training's settings as the worker builds them: what a run leaves open follows from the corpus's size."""
    names = {field.name for field in dataclasses.fields(TrainingConfig)}
    chosen = {name: value for name, value in config if name in names and value is not None}
    return TrainingConfig.for_corpus(corpus.n_pairs, corpus.n_images, **chosen)


def first_captions(corpus: PairFeatures) -> PairFeatures:
    """Keep the first pair of each image, in the order of the archive."""
    _, first = np.unique(corpus.image_index, return_index=True)
    return corpus.subset(np.sort(first))


def _print(asked: argparse.Namespace, corpus: PairFeatures, results: list[SeedResult]) -> None:
    print(f"\nmachine: {describe_machine()}, {asked.threads} threads")
    print(f"corpus: {asked.corpus.name}, {corpus.n_pairs} pairs, {corpus.n_images} images, encoder {asked.encoder}")
    config = training_config(RunConfig.model_validate(read_settings(None, asked.settings)), corpus)
    print(f"noise: {asked.noise:g} of the pairs, caption-level; noise seeds {_FIRST_NOISE_SEED} + seed")
    print(f"settings: {config}\n")
    aurocs = [result.auroc for result in results]
    precisions = [result.average_precision for result in results]
    r_sums = [result.r_sum for result in results if result.r_sum is not None]
    rows = [dataclasses.astuple(result) for result in results]
    mean_r_sum = float(np.mean(r_sums)) if r_sums else None
    print_table(
        ("seed", "mismatches", "AUROC", "average precision", "r_sum", "seconds"),
        [*rows, ("mean", "", float(np.mean(aurocs)), float(np.mean(precisions)), mean_r_sum, "")],
    )
    print()
    print_result(
        {
            "auroc": round(float(np.mean(aurocs)), 4),
            "auroc_std": round(float(np.std(aurocs, ddof=1)), 4) if len(aurocs) > 1 else 0.0,
            "average_precision": round(float(np.mean(precisions)), 4),
            "r_sum": None if mean_r_sum is None else round(mean_r_sum, 1),
        }
    )


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path, help="a clean archive")
    parser.add_argument("--noise", type=float, default=0.4, help="share of the pairs to shuffle")
    parser.add_argument("--captions-per-image", type=int, choices=(1, 5), default=5, help="1 = the first, 5 = all")
    parser.add_argument("--seeds", type=int, default=3, help="how many seeds, from 0")
    parser.add_argument("--eval", type=Path, help="a clean archive to measure r_sum on")
    parser.add_argument(
        "--cache", type=Path, help="folder for vectors and the encoder's files; default: a temporary one"
    )
    parser.add_argument("--encoder", default="offline", help="offline, toy or open_clip:MODEL@TAG_OR_FILE")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="CPU threads")
    parser.add_argument("--set", dest="settings", action="append", metavar="KEY=VALUE", help="one run setting")
    return parser.parse_args()


if __name__ == "__main__":
    main()
