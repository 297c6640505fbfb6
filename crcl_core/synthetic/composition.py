"""Composes a corpus: scenes, captions, and a chosen share of each kind of mismatch."""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

import numpy as np

from crcl_core.seeding import numpy_generator, stream_seed
from crcl_core.synthetic.caption_writer import Caption, CaptionStyle, write_caption
from crcl_core.synthetic.claims import n_contradictions
from crcl_core.synthetic.corpus import MismatchKind, SyntheticCorpus, SyntheticImage, SyntheticPair
from crcl_core.synthetic.planting import MIN_CONTRADICTIONS, plant_mismatches
from crcl_core.synthetic.renderer import ImageFormat
from crcl_core.synthetic.scene_sampler import sample_scene
from crcl_core.types import IntArray

# Shares of all pairs; 16 % in all.
DEFAULT_MISMATCHES: Final[Mapping[MismatchKind, float]] = MappingProxyType(
    {
        MismatchKind.RANDOM_SWAP: 0.08,
        MismatchKind.NEAR_SWAP: 0.02,
        MismatchKind.SHIFTED_BLOCK: 0.02,
        MismatchKind.DUPLICATE_CAPTION: 0.02,
        MismatchKind.DUPLICATE_IMAGE: 0.02,
    }
)
MAX_CAPTIONS_PER_IMAGE: Final = 5
_NEEDS_TWO: Final = frozenset({MismatchKind.RANDOM_SWAP, MismatchKind.SHIFTED_BLOCK})
# Styles tried for a caption that its siblings do not already have word for word.
_MAX_STYLES: Final = 50


def render_corpus(
    n_images: int,
    seed: int,
    captions_per_image: int | tuple[int, int] = 1,
    mismatches: Mapping[MismatchKind, float] = DEFAULT_MISMATCHES,
    *,
    edge_px: int = 224,
    image_format: ImageFormat = ImageFormat.JPEG,
) -> SyntheticCorpus:
    """Composes a corpus with known truth; the same arguments give the same corpus, byte for byte.

    Args:
        n_images: Number of image files, duplicate images included.
        seed: Any integer.
        captions_per_image: 1 to 5, or a range (fewest, most) from which each image draws. A duplicate image has one.
        mismatches: Share of all pairs for each kind, rounded to whole pairs; a kind that exchanges captions has at
            least two.
        edge_px: Edge of the square pictures.
        image_format: JPEG or PNG.

    Raises:
        ValueError: A number is out of range, or the corpus is too small for its mismatches.
    """
    fewest, most = captions_per_image if isinstance(captions_per_image, tuple) else (captions_per_image,) * 2
    _check(n_images, fewest, most, mismatches, edge_px)
    rng = numpy_generator(seed, "corpus")
    n_captions = rng.integers(fewest, most + 1, size=n_images)
    n_copies = _count(mismatches, MismatchKind.DUPLICATE_IMAGE, int(n_captions.sum()))
    if n_copies >= n_images:
        raise ValueError(f"{n_images} images cannot hold {n_copies} duplicate images; expected fewer of them")
    copies = rng.choice(n_images, size=n_copies, replace=False)
    n_captions[copies] = 1
    counts = {kind: _count(mismatches, kind, int(n_captions.sum())) for kind in MismatchKind}
    images = _compose_images(n_images, seed, copies, image_format, rng)

    pairs: list[SyntheticPair] = []
    style_seeds: list[int] = []
    for number, image in enumerate(images):
        written: list[Caption] = []
        for caption_number in range(n_captions[number]):
            style_seed, caption = _write_new(image, stream_seed(seed, "style", number, caption_number), written)
            written.append(caption)
            style_seeds.append(style_seed)
            pair_id = f"pair-{len(pairs):06d}"
            pairs.append(SyntheticPair(pair_id=pair_id, image=number, caption=caption, true_caption=caption))
    pairs = _caption_copies(pairs, images, seed, rng)
    facts = [images[pair.image].scene.facts for pair in pairs]
    planted = plant_mismatches(pairs, facts, style_seeds, counts, rng)
    return SyntheticCorpus(images=images, pairs=tuple(planted), edge_px=edge_px, image_format=image_format)


def render_demo_corpus(seed: int = 0) -> SyntheticCorpus:
    """Composes the built-in demo: 1,000 images with one or two captions each and 16 % mismatches of every kind."""
    return render_corpus(1000, seed, captions_per_image=(1, 2))


def _check(n_images: int, fewest: int, most: int, mismatches: Mapping[MismatchKind, float], edge_px: int) -> None:
    if n_images < 1:
        raise ValueError(f"n_images is {n_images}, expected at least 1")
    if not 1 <= fewest <= most <= MAX_CAPTIONS_PER_IMAGE:
        raise ValueError(f"captions_per_image runs from {fewest} to {most}, allowed are 1 to {MAX_CAPTIONS_PER_IMAGE}")
    if edge_px < 16:
        raise ValueError(f"edge_px is {edge_px}, expected at least 16")
    if any(share < 0 for share in mismatches.values()) or sum(mismatches.values()) > 0.8:
        raise ValueError(f"the shares of mismatches are {dict(mismatches)}, expected at least 0 each and 0.8 in all")


def _count(mismatches: Mapping[MismatchKind, float], kind: MismatchKind, n_pairs: int) -> int:
    count = round(mismatches.get(kind, 0) * n_pairs)
    return max(2, count) if count and kind in _NEEDS_TWO else count


def _compose_images(
    n_images: int, seed: int, copies: IntArray, image_format: ImageFormat, rng: np.random.Generator
) -> tuple[SyntheticImage, ...]:
    images = [
        SyntheticImage(path=f"images/{number:06d}.{image_format}", scene=sample_scene(seed, number))
        for number in range(n_images)
    ]
    originals = np.setdiff1d(np.arange(n_images), copies)
    for copy, original in zip(copies.tolist(), rng.choice(originals, size=len(copies)).tolist(), strict=True):
        images[copy] = replace(images[copy], scene=images[original].scene, copy_of=original)
    return tuple(images)


def _write_new(image: SyntheticImage, style_seed: int, written: list[Caption]) -> tuple[int, Caption]:
    """Writes a caption that the image does not have yet; a scene with little to tell may run out of words."""
    texts = {caption.text.casefold().rstrip(".") for caption in written}
    for attempt in range(_MAX_STYLES):
        caption = write_caption(image.scene.facts, CaptionStyle(style_seed + attempt))
        if caption.text.casefold().rstrip(".") not in texts:
            break
    return style_seed + attempt, caption


def _caption_copies(
    pairs: list[SyntheticPair], images: tuple[SyntheticImage, ...], seed: int, rng: np.random.Generator
) -> list[SyntheticPair]:
    """Gives each copied image a caption that was written for a third image of the corpus."""
    captioned = list(pairs)
    for number, pair in enumerate(pairs):
        image = images[pair.image]
        if image.copy_of is None:
            continue
        style = CaptionStyle(stream_seed(seed, "caption of a copy", pair.image))
        for other in rng.permutation(len(images)).tolist():
            caption = write_caption(images[other].scene.facts, style)
            if n_contradictions(caption.claims, image.scene.facts) >= MIN_CONTRADICTIONS:
                captioned[number] = replace(pair, caption=caption, kind=MismatchKind.DUPLICATE_IMAGE)
                break
        else:
            raise ValueError(f"no caption of the corpus contradicts {image.path}; expected more images")
    return captioned
