"""Whether a run that begins with what an earlier one found is as good as one that begins with nothing.

    python benchmarks/delta_run.py train.zip --noise 0.4

One caption an image, caption-level mismatches. The first run cleans `--known` of the pairs, drawn at random; then the
whole corpus is cleaned twice, with another seed than the first run's: once from nothing (cold), once with the first
run's correspondence as the initial labels of the pairs that it knew (warm). AUROC of the report's order (1 = clean)
over all pairs and over the new ones alone, and how far the noise rate read is from the one planted.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import torch
from archive_vectors import archive_captions, encode_archive
from detection import first_captions, training_config
from measuring import describe_machine, print_result, print_table
from noisy_corpora import planted_corpus

from app.core.run_config import RunConfig
from crcl_core.data import PairFeatures
from crcl_core.detection import Detection, detect_mismatches
from crcl_core.encoders import load_encoder
from crcl_core.evaluation import auroc
from crcl_core.types import BoolArray, DoubleArray


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path, help="a zip with images and captions.csv")
    parser.add_argument("--noise", type=float, default=0.4)
    parser.add_argument("--known", type=float, default=0.8, help="the share that the first run cleans")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    with tempfile.TemporaryDirectory(prefix="mispair-delta-") as folder:
        cache = asked.cache or Path(folder)
        cache.mkdir(parents=True, exist_ok=True)
        encoder = load_encoder("offline", {"offline": "offline"}, cache_dir=cache, threads=asked.threads)
        clean = first_captions(encode_archive(asked.corpus, encoder, cache))
        captions = archive_captions(asked.corpus)
    noisy, is_mismatch = planted_corpus(
        clean, "caption_level", asked.noise, asked.seed, captions=captions, encoder=encoder
    )
    is_known = np.random.default_rng(asked.seed).random(noisy.n_pairs) < asked.known
    first = _detect(noisy.subset(np.flatnonzero(is_known)), asked.seed, None)
    initial = np.full(noisy.n_pairs, np.nan)
    initial[is_known] = first.findings.correspondence
    figures: dict[str, float] = {}
    rows = []
    for name, labels in (("cold", None), ("warm", initial)):
        found = _detect(noisy, asked.seed + 1, labels)
        measured = _measured(found, is_mismatch, ~is_known)
        rows.append((name, *measured.values()))
        figures |= {f"{name}_{what}": round(value, 4) for what, value in measured.items()}
    print(f"\nmachine: {describe_machine()}, {asked.threads} threads; seed {asked.seed}")
    print(f"corpus: {asked.corpus.name}, {noisy.n_pairs} pairs, {int((~is_known).sum())} of them new\n")
    print_table(("run", "AUROC", "AUROC of new pairs", "noise rate read - planted"), rows)
    print()
    print_result({**figures, "ratio_of_auroc": round(figures["warm_auroc"] / figures["cold_auroc"], 4)})


def _detect(features: PairFeatures, seed: int, initial: DoubleArray | None) -> Detection:
    config = training_config(RunConfig(seed=seed), features)
    return detect_mismatches(features, config, initial_labels=initial)


def _measured(found: Detection, is_mismatch: BoolArray, is_new: BoolArray) -> dict[str, float]:
    score, calibration = found.findings.rank_score, found.findings.calibration
    assert calibration is not None
    return {
        "auroc": auroc(score, ~is_mismatch),
        "new_auroc": auroc(score[is_new], ~is_mismatch[is_new]),
        "noise_rate_error": calibration.rate.rate - float(is_mismatch.mean()),
    }


if __name__ == "__main__":
    main()
