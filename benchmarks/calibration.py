"""How far the numbers of a calibrated report can be trusted, with mismatches planted into a clean corpus.

    python benchmarks/calibration.py train.zip --seeds 10

2,000 images with their first caption, 0, 20, 40 and 60 % of the pairs shuffled (caption-level noise), and the whole
corpus with all its captions at 40 %, one seed. Each is the service's default run: decoys, CRCL, out-of-fold models,
calibration. For seed s the images are drawn, the noise planted and the run seeded by s.

ECE: pairs in 15 bins of equal size by correspondence; the mean distance between their mean correspondence and the
share that was not planted. `noise_rate_abs_error`: mean over rates and seeds; `interval_coverage`: how often the 95 %
interval holds the truth. `fdr_at_10`: share of the flags at the default threshold that were not planted, mean over 20
to 60 %. `clean_flagged`: share of the pairs flagged at 0 %. The corpus itself has some pairs that people would call
mismatched; they count as clean here.
"""

import argparse
import dataclasses
import itertools
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import numpy as np
import torch
from archive_vectors import encode_archive
from detection import first_captions, training_config
from measuring import describe_machine, print_result, print_table

from app.core.run_config import RunConfig
from crcl_core.data import PairFeatures, caption_level_noise
from crcl_core.detection import detect_mismatches
from crcl_core.encoders import load_encoder
from crcl_core.types import BoolArray, FloatArray

_N_IMAGES = 2_000
_RATIOS = (0.0, 0.2, 0.4, 0.6)
_N_BINS = 15
_FIRST_NOISE_SEED = 1234


@dataclass(frozen=True)
class Calibrated:
    """What one run said, and what was true."""

    captions: int
    planted: float
    seed: int
    noise_rate: float
    low: float
    high: float
    ece: float
    flagged: float
    fdr: float | None
    recall: float | None
    reliability: str

    @property
    def holds(self) -> bool:
        """Whether the interval holds the truth."""
        return self.low <= self.planted <= self.high


def main() -> None:
    """Run the benchmark."""
    asked = _parse()
    torch.set_num_threads(asked.threads)
    with tempfile.TemporaryDirectory(prefix="mispair-calibration-") as folder:
        cache = asked.cache or Path(folder)
        cache.mkdir(parents=True, exist_ok=True)
        encoder = load_encoder("offline", {"offline": "offline"}, cache_dir=cache, threads=asked.threads)
        corpus = encode_archive(asked.corpus, encoder, cache)
    single = first_captions(corpus)
    results = []
    for ratio, seed in itertools.product(_RATIOS, range(asked.seeds)):
        results.append(measure(_some_pairs(single, seed), 1, ratio, seed))
        print(f"{ratio:g}, seed {seed}: {results[-1]}", flush=True)
    whole = measure(corpus, 5, 0.4, 0)
    print(f"\nmachine: {describe_machine()}, {asked.threads} threads\n")
    _print(results, whole)


def measure(clean: PairFeatures, captions: int, ratio: float, seed: int) -> Calibrated:
    """Plant mismatches, run the default, and compare what it says with what was planted."""
    noise = caption_level_noise(clean.image_index, ratio, _FIRST_NOISE_SEED + seed)
    noisy, is_mismatch = dataclasses.replace(clean, image_index=noise.image_index), noise.is_mismatch
    config = RunConfig(seed=seed)
    found = detect_mismatches(noisy, training_config(config, noisy)).findings
    if found.calibration is None:
        raise RuntimeError(f"{ratio:g}, seed {seed}: not calibrated, {found.reason}")
    is_flagged = found.correspondence < np.float32(found.default_threshold(config.fdr))
    n_flagged, n_found = int(is_flagged.sum()), int((is_flagged & is_mismatch).sum())
    rate = found.calibration.rate
    return Calibrated(
        captions=captions,
        planted=float(is_mismatch.mean()),
        seed=seed,
        noise_rate=rate.rate,
        low=rate.low,
        high=rate.high,
        ece=calibration_error(found.correspondence, ~is_mismatch),
        flagged=n_flagged / noisy.n_pairs,
        fdr=None if not n_flagged else 1 - n_found / n_flagged,
        recall=None if not is_mismatch.any() else n_found / int(is_mismatch.sum()),
        reliability=found.reliability.value,
    )


def calibration_error(correspondence: FloatArray, is_clean: BoolArray) -> float:
    """Expected calibration error over bins of equal size, in [0, 1]."""
    parts = np.array_split(np.argsort(correspondence, kind="stable"), _N_BINS)
    gaps = [len(part) * abs(float(correspondence[part].mean()) - float(is_clean[part].mean())) for part in parts]
    return sum(gaps) / len(correspondence)


def _some_pairs(single: PairFeatures, seed: int) -> PairFeatures:
    drawn = np.random.default_rng(seed).permutation(single.n_pairs)[:_N_IMAGES]
    return single.subset(np.sort(drawn))


def _print(results: list[Calibrated], whole: Calibrated) -> None:
    rows = []
    for ratio in _RATIOS:
        of_ratio = [result for result in results if abs(result.planted - ratio) < 0.01]
        rows.append((1, *_means(of_ratio)))
    rows.append((5, *_means([whole])))
    print_table(
        ("captions", "planted", "estimated", "|error|", "interval holds", "ECE", "flagged", "FDR", "recall"), rows
    )
    noisy = [result for result in results if result.planted > 0]
    clean = [result for result in results if result.planted == 0]
    print()
    print_result(
        {
            "ece": round(fmean(result.ece for result in results), 4),
            "noise_rate_abs_error": round(fmean(abs(result.noise_rate - result.planted) for result in results), 4),
            "interval_coverage": round(fmean(result.holds for result in results), 3),
            "fdr_at_10": round(fmean(result.fdr or 0.0 for result in noisy), 4),
            "clean_flagged": round(fmean(result.flagged for result in clean), 4),
        }
    )


def _means(results: list[Calibrated]) -> tuple[float | None, ...]:
    fdrs = [result.fdr for result in results if result.fdr is not None]
    recalls = [result.recall for result in results if result.recall is not None]
    return (
        fmean(result.planted for result in results),
        fmean(result.noise_rate for result in results),
        fmean(abs(result.noise_rate - result.planted) for result in results),
        fmean(result.holds for result in results),
        fmean(result.ece for result in results),
        fmean(result.flagged for result in results),
        fmean(fdrs) if fdrs else None,
        fmean(recalls) if recalls else None,
    )


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path, help="a clean archive")
    parser.add_argument("--seeds", type=int, default=10, help="how many seeds, from 0")
    parser.add_argument("--cache", type=Path, help="folder for vectors; default: a temporary one")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="CPU threads")
    return parser.parse_args()


if __name__ == "__main__":
    main()
