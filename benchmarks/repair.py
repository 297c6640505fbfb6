"""How often the repair that a run proposes is the right one, with mismatches planted into a clean corpus.

    python benchmarks/repair.py train.zip

The whole corpus with all its captions, twice; each time the service's default detection of `--seed`, then its repair.

Shuffled: the images of 40 % of the pairs are shuffled among them (caption-level noise, NumPy seed 1234 + seed). Counted
are the flagged captions that were moved, so that their true image is in the corpus and not the one they stand with:
`first_is_true` is the share whose first candidate it is, `in_first_ten` the share that has it among the first ten.
Calibration: flagged captions, moved or not, in 15 bins of equal size by the probability of their first candidate; ECE
is the mean distance between that probability and the share that is true. The same of the assigned repairs.

Shifted: ten blocks of 50 to 300 pairs are rolled, by each of 1 to 5 pairs to either side, at places drawn by the seed.
`shifts_found`: the share of which a proposed shift has the offset and covers half the block or more, and lies in it by
half or more. A table tells which; the same is done with the first caption of each image alone.
"""

import argparse
import dataclasses
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from archive_vectors import encode_archive
from detection import first_captions, training_config
from measuring import describe_machine, print_result, print_table

from app.core.run_config import RunConfig
from crcl_core.data import PairFeatures, caption_level_noise
from crcl_core.detection import detect_mismatches
from crcl_core.encoders import load_encoder
from crcl_core.repair import Repair, RepairKind, Repairs, propose_repairs
from crcl_core.types import BoolArray, FloatArray, IntArray

_FIRST_NOISE_SEED = 1234
_RATIO = 0.4
_N_BINS = 15
_OFFSETS = (1, -1, 2, -2, 3, -3, 4, -4, 5, -5)
_SHORTEST, _LONGEST = 50, 300


@dataclass(frozen=True)
class Shuffled:
    """What the run on shuffled captions proposed, and what was true."""

    n_flagged: int
    n_moved: int
    first_is_true: float
    in_first_ten: float
    first_ece: float
    first_said: float
    first_true: float
    n_assigned: int
    assigned_ece: float
    assigned_said: float
    assigned_true: float
    false_blocks: int


@dataclass(frozen=True)
class Planted:
    """A block of pairs, from `first` to before `end`, whose images match the captions `offset` pairs away."""

    first: int
    end: int
    offset: int


def main() -> None:
    """Run the benchmark."""
    asked = _parse()
    torch.set_num_threads(asked.threads)
    with tempfile.TemporaryDirectory(prefix="mispair-repair-") as folder:
        cache = asked.cache or Path(folder)
        cache.mkdir(parents=True, exist_ok=True)
        encoder = load_encoder("offline", {"offline": "offline"}, cache_dir=cache, threads=asked.threads)
        corpus = encode_archive(asked.corpus, encoder, cache)
    shuffled = measure_shuffled(corpus, asked.seed)
    print(f"shuffled: {shuffled}", flush=True)
    shifts = {}
    for captions, clean in (("all", corpus), ("first", first_captions(corpus))):
        shifts[captions] = measure_shifts(clean, asked.seed)
        print(f"shifts, {captions} captions: {shifts[captions]}", flush=True)
    _print(asked, corpus, shuffled, shifts)


def measure_shuffled(clean: PairFeatures, seed: int) -> Shuffled:
    """Shuffle captions, detect, repair, and compare with the truth."""
    noise = caption_level_noise(clean.image_index, _RATIO, _FIRST_NOISE_SEED + seed)
    noisy = dataclasses.replace(clean, image_index=noise.image_index)
    repairs, is_flagged = repair(noisy, seed)
    ranked, true_images = repairs.ranked, clean.image_index
    is_true = ranked.images == true_images[ranked.rows][:, None]  # (n, 10)
    is_moved = noise.is_mismatch[ranked.rows]
    singles = [found for found in repairs.proposals if found.kind is RepairKind.REASSIGN]
    assigned = np.array(
        [true_images[found.caption_rows[0]] == noisy.image_index[found.rows[0]] for found in singles], dtype=np.bool_
    )
    said = np.array([found.after[0] for found in singles], dtype=np.float32)
    first = ranked.probabilities[:, 0]
    return Shuffled(
        n_flagged=int(is_flagged.sum()),
        n_moved=int(is_moved.sum()),
        first_is_true=float(is_true[is_moved, 0].mean()),
        in_first_ten=float(is_true[is_moved].any(axis=1).mean()),
        first_ece=calibration_error(first, is_true[:, 0]),
        first_said=float(first.mean()),
        first_true=float(is_true[:, 0].mean()),
        n_assigned=len(singles),
        assigned_ece=calibration_error(said, assigned),
        assigned_said=float(said.mean()),
        assigned_true=float(assigned.mean()),
        false_blocks=len(repairs.proposals) - len(singles),
    )


def measure_shifts(clean: PairFeatures, seed: int) -> list[tuple[Planted, Repair | None]]:
    """Plant ten shifts, detect, repair, and find each among the proposals."""
    image_index, planted = plant_shifts(clean.image_index, seed)
    repairs, _ = repair(dataclasses.replace(clean, image_index=image_index), seed)
    blocks = [found for found in repairs.proposals if found.kind is not RepairKind.REASSIGN]
    return [(block, next((found for found in blocks if is_found(block, found)), None)) for block in planted]


def repair(noisy: PairFeatures, seed: int) -> tuple[Repairs, BoolArray]:
    """The service's default detection and repair."""
    config = RunConfig(seed=seed)
    detected = detect_mismatches(noisy, training_config(config, noisy))
    held_out = detected.held_out()
    if held_out is None:
        raise RuntimeError("nothing was judged out of fold")
    correspondence = detected.findings.correspondence
    is_flagged = correspondence < np.float32(detected.findings.default_threshold(config.fdr))
    return propose_repairs(noisy, held_out, correspondence, is_flagged, seed=seed), is_flagged


def plant_shifts(image_index: IntArray, seed: int) -> tuple[IntArray, list[Planted]]:
    """Roll ten blocks, one in each tenth of the corpus, each by an offset of its own."""
    random = np.random.default_rng(seed)
    shifted = image_index.copy()
    planted = []
    tenth = len(image_index) // len(_OFFSETS)
    for number, offset in enumerate(random.permutation(_OFFSETS).tolist()):
        length = int(random.integers(_SHORTEST, _LONGEST))
        first = number * tenth + int(random.integers(0, tenth - length))
        shifted[first : first + length] = np.roll(image_index[first : first + length], -offset)
        planted.append(Planted(first, first + length, offset))
    return shifted, planted


def is_found(block: Planted, proposal: Repair) -> bool:
    """Whether a proposed shift is a planted one."""
    inside = int(((proposal.rows >= block.first) & (proposal.rows < block.end)).sum())
    return (
        proposal.kind is RepairKind.SHIFT
        and proposal.offset == block.offset
        and 2 * inside >= max(len(proposal.rows), block.end - block.first)
    )


def calibration_error(said: FloatArray, is_true: BoolArray) -> float:
    """Expected calibration error over bins of equal size, in [0, 1]."""
    parts = [part for part in np.array_split(np.argsort(said, kind="stable"), _N_BINS) if len(part)]
    gaps = [len(part) * abs(float(said[part].mean()) - float(is_true[part].mean())) for part in parts]
    return sum(gaps) / max(len(said), 1)


def _print(
    asked: argparse.Namespace,
    corpus: PairFeatures,
    shuffled: Shuffled,
    shifts: dict[str, list[tuple[Planted, Repair | None]]],
) -> None:
    print(f"\nmachine: {describe_machine()}, {asked.threads} threads")
    print(f"corpus: {asked.corpus.name}, {corpus.n_pairs} pairs, {corpus.n_images} images; seed {asked.seed}\n")
    print_table(("shuffled, 40 %", "value"), list(dataclasses.asdict(shuffled).items()))
    print()
    rows = [
        (captions, block.first, block.end - block.first, block.offset, *_words(found))
        for captions, found_of in shifts.items()
        for block, found in found_of
    ]
    print_table(("captions", "first pair", "pairs", "offset", "found", "before", "after"), rows)
    print()
    print_result(
        {
            "first_is_true": round(shuffled.first_is_true, 3),
            "in_first_ten": round(shuffled.in_first_ten, 3),
            "shifts_found": round(_share_found(shifts["all"]), 2),
        }
    )


def _words(found: Repair | None) -> tuple[str, float | None, float | None]:
    if found is None:
        return "no", None, None
    return f"{found.rows[0]}, {len(found.rows)} pairs", float(found.before.mean()), float(found.after.mean())


def _share_found(shifts: list[tuple[Planted, Repair | None]]) -> float:
    return sum(found is not None for _, found in shifts) / len(shifts)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path, help="a clean archive")
    parser.add_argument("--seed", type=int, default=0, help="of noise, places and run")
    parser.add_argument("--cache", type=Path, help="folder for vectors; default: a temporary one")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="CPU threads")
    return parser.parse_args()


if __name__ == "__main__":
    main()
