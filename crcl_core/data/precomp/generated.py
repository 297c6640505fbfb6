"""Small precomp folders with a truth to learn, in place of the real features where those are too large or absent."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

import numpy as np

from crcl_core.data.precomp.writer import write_precomp
from crcl_core.data.vocabulary import Vocabulary
from crcl_core.types import FloatArray, IntArray

_NAMES: Final = """
dog cat horse bird boat bike car bus train plane ball bat hat chair bench table bed lamp clock book phone cake pizza
apple banana bottle cup bowl knife fork tree flower river beach snow street bridge tower child woman man crowd
"""
_THINGS: Final = tuple(_NAMES.split())
_FRAMES: Final = (
    "A {} and a {} near a {} .",
    "a {} with a {} by the {}",
    "There is a {} , a {} and a {} .",
    "the {} is next to a {} and some {}",
)
_THINGS_AN_IMAGE: Final = 4
_THINGS_A_CAPTION: Final = 3
_N_IMAGES: Final = MappingProxyType({"train": 240, "dev": 60, "test": 60})


def write_generated_precomp(
    folder: Path,
    *,
    n_images: Mapping[str, int] = _N_IMAGES,
    captions_per_image: int = 5,
    n_regions: int = 6,
    region_dim: int = 32,
    spread: float = 0.5,
    as_tsv: bool = False,
    seed: int = 0,
) -> Path:
    """Writes splits whose captions name what the regions of their images show, and the vocabulary that fits them.

    An image shows four of 42 things, each in one region or more; a region is its thing's prototype, the same in all
    splits, plus Gaussian noise. A caption names three of the four in a random order and sentence. So a model that
    learns which word goes with which prototype ranks pairs and finds planted mismatches, also in a split that it has
    not seen.

    Args:
        folder: Of the dataset, for example `data/f30k_precomp`; the vocabulary goes beside it, to
            `data/vocab/f30k_precomp_vocab.json`, where the official codes look for it.
        n_images: I of each split.
        captions_per_image: 1 as in CC152K, 5 as in Flickr30K and MS-COCO.
        n_regions: R, at least four.
        region_dim: D.
        spread: Standard deviation of the noise, where a prototype's numbers have 1.
        as_tsv: CC152K's layout of captions.
        seed: Of everything.

    Returns:
        The path of the vocabulary.

    Raises:
        ValueError: There are too few regions for the things of an image.
    """
    if n_regions < _THINGS_AN_IMAGE:
        raise ValueError(f"n_regions is {n_regions}, expected {_THINGS_AN_IMAGE} or more")
    random = np.random.default_rng(seed)
    prototypes = random.normal(size=(len(_THINGS), region_dim)).astype(np.float32)
    # cc152k's layout has an id beside each caption, the other an id a row.
    per_image = captions_per_image if as_tsv else 1
    train_captions: list[str] = []
    for split, n in n_images.items():
        things = np.argsort(random.random((n, len(_THINGS))), axis=1)[:, :_THINGS_AN_IMAGE]
        captions = [_caption(image, random) for image in np.repeat(things, captions_per_image, axis=0)]
        write_precomp(
            folder,
            split,
            image_features=_regions(things, prototypes, n_regions, spread, random),
            captions=captions,
            ids=[f"{split}{number // per_image}" for number in range(n * per_image)],
            as_tsv=as_tsv,
        )
        train_captions += captions if split == "train" else []
    vocabulary_path = folder.parent / "vocab" / f"{folder.name}_vocab.json"
    vocabulary_path.parent.mkdir(parents=True, exist_ok=True)
    vocabulary_path.write_text(
        Vocabulary.from_captions(train_captions, min_count=1).to_official_json(), encoding="utf-8"
    )
    return vocabulary_path


def _caption(things: IntArray, random: np.random.Generator) -> str:
    named = random.permutation(things)[:_THINGS_A_CAPTION]
    frame: str = _FRAMES[int(random.integers(len(_FRAMES)))]
    return frame.format(*(_THINGS[thing] for thing in named.tolist()))


def _regions(
    things: IntArray, prototypes: FloatArray, n_regions: int, spread: float, random: np.random.Generator
) -> FloatArray:
    """(I, R, D): each thing of an image in one region at least, the rest at random, all in random order."""
    n_images = len(things)
    more = random.integers(_THINGS_AN_IMAGE, size=(n_images, n_regions - _THINGS_AN_IMAGE))
    shown = np.concatenate([things, np.take_along_axis(things, more, axis=1)], axis=1)
    shown = np.take_along_axis(shown, np.argsort(random.random(shown.shape), axis=1), axis=1)  # (I, R)
    noise = random.normal(scale=spread, size=(n_images, n_regions, prototypes.shape[1]))
    regions: FloatArray = prototypes[shown] + noise.astype(np.float32)
    return regions
