"""The trainings behind the tables of docs/results.md: which there are, and how long each takes."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

RATIOS = (0.2, 0.4, 0.6, 0.8)
METHODS = ("crcl", "info_nce", "triplet", "ncr", "lemon")
PROTOCOLS = ("image_level", "near", "shifted_block")
BASE_MODELS = ("vse_infty", "saf", "sgr")
ABLATIONS = (
    "no_complementary",
    "no_momentum",
    "no_rounds",
    "rounds_1",
    "rounds_2",
    "rounds_3",
    "rounds_4",
    "no_floor",
    "siblings_are_negatives",
)
FITTED = ("crcl", "info_nce", "triplet")

# Seconds of one training and its evaluation with one thread, another beside it; the plan says what is left.
_SECONDS = {
    ("heads", "crcl", 1): 25,
    ("heads", "info_nce", 1): 20,
    ("heads", "triplet", 1): 20,
    ("heads", "ncr", 1): 60,
    ("heads", "lemon", 1): 12,
    ("heads", "crcl", 5): 130,
    ("heads", "info_nce", 5): 70,
    ("heads", "triplet", 5): 70,
    ("heads", "ncr", 5): 200,
    ("heads", "lemon", 5): 45,
    ("vse_infty", "crcl", 5): 2100,
    ("vse_infty", "info_nce", 5): 1000,
    ("vse_infty", "triplet", 5): 1000,
    ("saf", "crcl", 1): 1200,
    ("saf", "info_nce", 1): 600,
    ("saf", "triplet", 1): 700,
    ("sgr", "crcl", 1): 1800,
    ("sgr", "info_nce", 1): 900,
    ("sgr", "triplet", 1): 1100,
}


@dataclass(frozen=True, order=True)
class Cell:
    """One training on the noisy train split, and what it is measured by.

    Attributes:
        model: heads, vse_infty, saf or sgr.
        method: crcl, info_nce, triplet, ncr or lemon.
        captions_per_image: 1 (the first of each image) or 5.
        protocol: how mismatches are planted.
        ratio: share of the pairs that are chosen for it.
        seed: of the training; the noise has 1234 + seed.
        variant: "", one of `ABLATIONS`, or "fitted" for the figure.
    """

    model: str
    method: str
    captions_per_image: int
    protocol: str = "caption_level"
    ratio: float = 0.4
    seed: int = 0
    variant: str = ""

    @property
    def name(self) -> str:
        """Names the file of its result."""
        parts = [self.model, self.method, f"{self.captions_per_image}c", self.protocol, f"{self.ratio:g}"]
        return "-".join([*parts, f"s{self.seed}", *([self.variant] if self.variant else [])])

    @property
    def expected_s(self) -> int:
        """Seconds that it takes with one thread."""
        seconds = _SECONDS[self.model, self.method, self.captions_per_image]
        return 2 * seconds if self.variant == "fitted" else seconds


def detection_cells(captions_per_image: int) -> Iterator[Cell]:
    """Table 1: every method on heads, three seeds at 40 % and one elsewhere."""
    for method in METHODS:
        for ratio in RATIOS:
            for seed in range(3 if ratio == 0.4 else 1):
                yield Cell("heads", method, captions_per_image, ratio=ratio, seed=seed)
        for protocol in PROTOCOLS:
            yield Cell("heads", method, captions_per_image, protocol=protocol)


def retrieval_cells() -> Iterator[Cell]:
    """Table 2: heads with five captions at every ratio, and the paper's base models at 40 %."""
    for method, ratio in itertools.product(("crcl", "info_nce", "triplet", "ncr"), (0.0, *RATIOS)):
        yield Cell("heads", method, 5, ratio=ratio)
    for model, method in itertools.product(BASE_MODELS, ("crcl", "info_nce", "triplet")):
        yield Cell(model, method, 5 if model == "vse_infty" else 1)


def ablation_cells() -> Iterator[Cell]:
    """Table 3: what each part of CRCL does on heads."""
    for captions_per_image, ratio, variant in itertools.product((1, 5), (0.4, 0.6), ("", *ABLATIONS)):
        yield Cell("heads", "crcl", captions_per_image, ratio=ratio, variant=variant)


def figure_cells() -> Iterator[Cell]:
    """The figure: long trainings that are watched for what they memorise."""
    for method in FITTED:
        yield Cell("heads", method, 1, variant="fitted")


def all_cells() -> list[Cell]:
    """Every training once, in the order of the tables: some serve several."""
    cells = itertools.chain(detection_cells(1), detection_cells(5), figure_cells(), retrieval_cells(), ablation_cells())
    return list(dict.fromkeys(cells))
