"""What a certificate says of a corpus with mismatches planted into it, and what is true on its right held-out pairs.

    python benchmarks/certificate.py train.zip --noise 0.4 --captions-per-image 1 --seeds 3

The images of a share `--noise` of the pairs are shuffled among those pairs (caption-level noise, NumPy seed 1234). For
each seed the service's default detection cleans the part that is not held out, and the certificate's recipe trains on
the raw, the cleaned and a randomly thinned part. r_sum is over all held-out pairs, mismatches among them, as the
certificate's verdict is; beside it, which only a benchmark can know, r_sum over those that were not shuffled.
`--informed` cleans the whole corpus once, held-out pairs and all, and takes those flags: what a certificate that is
not blind would say.
"""

import argparse
import dataclasses
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from archive_vectors import encode_archive
from detection import first_captions, training_config
from measuring import describe_machine, print_result, print_table, seconds_since

from app.core.run_config import RunConfig
from crcl_core.certification import Arm, Certificate, CertificationProgress, Spread, certify, draw_chart
from crcl_core.data import PairFeatures, caption_level_noise
from crcl_core.detection import detect_mismatches
from crcl_core.encoders import load_encoder
from crcl_core.types import BoolArray

_NOISE_SEED = 1234


def main() -> None:
    """Run the benchmark."""
    asked = _parse()
    torch.set_num_threads(asked.threads)
    with tempfile.TemporaryDirectory(prefix="mispair-certificate-") as folder:
        cache = asked.cache or Path(folder)
        cache.mkdir(parents=True, exist_ok=True)
        encoder = load_encoder("offline", {"offline": "offline"}, cache_dir=cache, threads=asked.threads)
        corpus = encode_archive(asked.corpus, encoder, cache)
    if asked.captions_per_image == 1:
        corpus = first_captions(corpus)
    planted = caption_level_noise(corpus.image_index, asked.noise, _NOISE_SEED)
    noisy = dataclasses.replace(corpus, image_index=planted.image_index)
    started_at = time.monotonic()
    cleaning = _Cleaning(noisy, planted.is_mismatch, is_informed=asked.informed)
    # In place of a correspondence, the truth: the weighted recall is then that of the right pairs.
    truth = np.where(planted.is_mismatch, 0.0, 1.0).astype(np.float32)
    certificate = certify(
        noisy, truth, 0.5, detect=cleaning.flags, seeds=range(asked.seeds), on_training=_say, has_joint_space=False
    )
    if asked.chart is not None:
        asked.chart.write_text(draw_chart(certificate), encoding="utf-8")
    print(f"\nmachine: {describe_machine()}, {asked.threads} threads, {seconds_since(started_at)} s")
    print(
        f"corpus: {asked.corpus.name}, {noisy.n_pairs} pairs, {asked.noise:g} shuffled; recipe {certificate.recipe}\n"
    )
    _print(certificate)


class _Cleaning:
    """The service's default detection, on a part of the corpus or, informed, once on the whole."""

    def __init__(self, corpus: PairFeatures, is_mismatch: BoolArray, *, is_informed: bool) -> None:
        self._is_mismatch = dict(zip(_keys(corpus), is_mismatch.tolist(), strict=True))
        self._is_flagged: dict[tuple[int, int], bool] | None = None
        if is_informed:
            self._is_flagged = dict(zip(_keys(corpus), self._detect(corpus, 0).tolist(), strict=True))

    def flags(self, part: PairFeatures, seed: int) -> BoolArray:
        """(n,) bool, the pairs of a part that are dropped."""
        if self._is_flagged is None:
            is_flagged = self._detect(part, seed)
        else:
            is_flagged = np.array([self._is_flagged[key] for key in _keys(part)])
        is_mismatch = np.array([self._is_mismatch[key] for key in _keys(part)])
        found = int((is_flagged & is_mismatch).sum())
        precision, recall = found / int(is_flagged.sum()), found / int(is_mismatch.sum())
        print(f"seed {seed}: {is_flagged.sum()} flagged, precision {precision:.3f}, recall {recall:.3f}", flush=True)
        return is_flagged

    def _detect(self, part: PairFeatures, seed: int) -> BoolArray:
        config = RunConfig(seed=seed)
        # A part shares the vectors of the whole; what suits it follows from the images that it has itself.
        images, image_index = np.unique(part.image_index, return_inverse=True)
        sized = dataclasses.replace(part, image_features=part.image_features[images], image_index=image_index)
        found = detect_mismatches(sized, training_config(config, sized)).findings
        return found.correspondence < np.float32(found.default_threshold(config.fdr))


def _keys(pairs: PairFeatures) -> list[tuple[int, int]]:
    return list(zip(pairs.image_index.tolist(), pairs.caption_index.tolist(), strict=True))


def _say(progress: CertificationProgress) -> None:
    if progress.n_done_epochs * len(Arm) % progress.n_total_epochs == 0:
        print(f"{progress.n_done_epochs} of {progress.n_total_epochs} epochs", flush=True)


def _print(certificate: Certificate) -> None:
    rows = []
    for arm in Arm:
        n_pairs = [result.arms[arm].n_pairs for result in certificate.results]
        spreads = (certificate.r_sum(arm), certificate.best_r_sum(arm), certificate.weighted_r_sum(arm))
        rows.append((arm.value, round(sum(n_pairs) / len(n_pairs)), *(_text(spread) for spread in spreads)))
    print_table(("trained on", "pairs", "r_sum", "at its best epoch", "r_sum of right pairs"), rows)
    print(f"\ncleaned over raw: {_text(certificate.gain(Arm.RAW))}")
    print(f"cleaned over random: {_text(certificate.gain(Arm.RANDOM))}; verdict: {certificate.verdict.value}\n")
    print_result({f"r_sum_{arm.value}": round(certificate.r_sum(arm).mean, 1) for arm in Arm})


def _text(spread: Spread) -> str:
    of_seeds = ", ".join(f"{value:.1f}" for value in spread.by_seed)
    return f"{spread.mean:.1f} ({of_seeds})"


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path, help="a clean archive")
    parser.add_argument("--noise", type=float, default=0.4, help="share of the pairs to shuffle")
    parser.add_argument("--captions-per-image", type=int, choices=(1, 5), default=1, help="1 = the first, 5 = all")
    parser.add_argument("--seeds", type=int, default=3, help="how many seeds, from 0")
    parser.add_argument("--informed", action="store_true", help="flags of the whole corpus, held-out pairs seen")
    parser.add_argument("--chart", type=Path, metavar="FILE", help="save the chart here, SVG")
    parser.add_argument("--cache", type=Path, help="folder for vectors; default: a temporary one")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="CPU threads")
    return parser.parse_args()


if __name__ == "__main__":
    main()
