"""How well the report's score tells mismatched pairs from clean ones, with mismatches planted into a clean corpus.

    python benchmarks/detection.py train.zip --noise 0.4 --captions-per-image 5 --seeds 3 --eval dev.zip

For seed s a share `--noise` of the pairs is mismatched by `--protocol` (NumPy seed 1234 + s), and the service's default
run of seed s follows: decoys are planted, CRCL trains, models that never saw a pair judge it, and the score is what the
report orders by. AUROC: 1 = clean. Average precision: positive = mismatch. `--set method=crcl` is the paper's method
alone. Beside the score, from the same run: CRCL's unfloored label, the out-of-fold posterior alone, LEMoN on the
trained joint space, and the encoder's own similarity where it has a joint space.
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
from archive_vectors import archive_captions, encode_archive
from measuring import describe_machine, print_result, print_table, seconds_since
from noisy_corpora import FIRST_NOISE_SEED, PROTOCOLS, planted_corpus
from retrieving import r_sum_on

from app.core.run_config import RunConfig
from crcl_core.data import PairFeatures
from crcl_core.detection import detect_mismatches, encoder_similarity, lemon_score
from crcl_core.encoders import Encoder, load_encoder
from crcl_core.evaluation import auroc, average_precision
from crcl_core.training import TrainingConfig
from crcl_core.types import BoolArray, DoubleArray
from mispair.commands.run_settings import read_settings


@dataclass(frozen=True)
class SeedResult:
    """What one seed measured."""

    seed: int
    n_mismatches: int
    auroc: float
    average_precision: float
    label_auroc: float
    out_of_fold_auroc: float | None
    lemon_auroc: float
    similarity_auroc: float | None
    r_sum: float | None
    seconds: float


def main() -> None:
    """Run the benchmark."""
    asked = _parse()
    torch.set_num_threads(asked.threads)
    with tempfile.TemporaryDirectory(prefix="mispair-detection-") as folder:
        cache = asked.cache or Path(folder)
        cache.mkdir(parents=True, exist_ok=True)
        specs = {name: name for name in ("offline", "toy")} | {asked.encoder: asked.encoder}
        encoder = load_encoder(asked.encoder, specs, cache_dir=cache, threads=asked.threads)
        corpus = encode_archive(asked.corpus, encoder, cache)
        held_out = encode_archive(asked.eval, encoder, cache) if asked.eval else None
        _measure_and_print(asked, encoder, corpus, held_out)


def _measure_and_print(
    asked: argparse.Namespace, encoder: Encoder, corpus: PairFeatures, held_out: PairFeatures | None
) -> None:
    if asked.captions_per_image == 1:
        corpus = first_captions(corpus)
    settings = read_settings(None, asked.settings)
    captions = archive_captions(asked.corpus)
    has_joint_space = encoder.joint_dim is not None
    results = []
    for seed in range(asked.seeds):
        config = RunConfig.model_validate({**settings, "seed": seed})
        noisy, is_mismatch = planted_corpus(
            corpus, asked.protocol, asked.noise, seed, captions=captions, encoder=encoder
        )
        results.append(measure(noisy, is_mismatch, held_out, config, has_joint_space=has_joint_space))
        print(f"seed {seed}: AUROC {results[-1].auroc:.4f} in {results[-1].seconds} s", flush=True)
    _print(asked, corpus, results)


def measure(
    noisy: PairFeatures,
    is_mismatch: BoolArray,
    held_out: PairFeatures | None,
    config: RunConfig,
    *,
    has_joint_space: bool,
) -> SeedResult:
    """Train, and compare the scores with what was planted."""
    started_at = time.monotonic()
    found = detect_mismatches(
        noisy, training_config(config, noisy), is_plain=config.method == "crcl", has_joint_space=has_joint_space
    )
    seconds = seconds_since(started_at)

    def separation(score: DoubleArray) -> float:
        return auroc(score[: noisy.n_pairs], ~is_mismatch)

    training = found.training
    similarity = encoder_similarity(noisy, has_joint_space=True) if has_joint_space else None
    # The report's order: correspondence never falls with this score, which breaks its ties.
    score = found.findings.rank_score
    return SeedResult(
        seed=config.seed,
        n_mismatches=int(is_mismatch.sum()),
        auroc=separation(score),
        average_precision=average_precision(score, is_mismatch),
        label_auroc=separation(training.shadow_labels),
        out_of_fold_auroc=None if found.out_of_fold is None else separation(found.out_of_fold.score),
        lemon_auroc=separation(lemon_score(noisy, training.image_embeddings, training.caption_embeddings)),
        similarity_auroc=None if similarity is None else separation(similarity),
        r_sum=None if held_out is None else r_sum_on(held_out, training.model),
        seconds=seconds,
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
    print(f"noise: {asked.noise:g} of the pairs, {asked.protocol}; noise seeds {FIRST_NOISE_SEED} + seed")
    print(f"settings: {config}\n")
    means = {name: _mean(results, name) for name in _MEANS}
    columns = ("AUROC", "average precision", "label", "out of fold", "LEMoN", "similarity", "r_sum")
    print_table(
        ("seed", "mismatches", *columns, "seconds"),
        [*(dataclasses.astuple(result) for result in results), ("mean", "", *means.values(), "")],
    )
    print()
    aurocs = [result.auroc for result in results]
    print_result(
        {
            "auroc": means["auroc"],
            "auroc_std": round(float(np.std(aurocs, ddof=1)), 4) if len(aurocs) > 1 else 0.0,
            **{name: value for name, value in means.items() if name != "auroc"},
        }
    )


_MEANS = (
    "auroc",
    "average_precision",
    "label_auroc",
    "out_of_fold_auroc",
    "lemon_auroc",
    "similarity_auroc",
    "r_sum",
)


def _mean(results: list[SeedResult], name: str) -> float | None:
    values = [value for value in (getattr(result, name) for result in results) if value is not None]
    return round(float(np.mean(values)), 1 if name == "r_sum" else 4) if values else None


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path, help="a clean archive")
    parser.add_argument("--noise", type=float, default=0.4, help="share of the pairs to mismatch")
    parser.add_argument("--protocol", choices=PROTOCOLS, default="caption_level", help="how they are mismatched")
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
