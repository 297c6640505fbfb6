"""All checks of a corpus beside mismatch: scores of its images and captions, and what they come to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from crcl_core.checks.caption_language import CorpusLanguage, detect_languages
from crcl_core.checks.caption_text import JUDGED, caption_scores
from crcl_core.checks.image_quality import MEASURED
from crcl_core.checks.issues import CAPTION_THRESHOLDS, IMAGE_THRESHOLDS, CaptionIssue, ImageIssue
from crcl_core.checks.near_duplicates import NOBODY, find_near_duplicates
from crcl_core.types import BoolArray, FloatArray, IntArray


@final
@dataclass(frozen=True, eq=False)
class CorpusChecks:
    """What was found on I images and C captions, each taken alone.

    Attributes:
        images: (I, 7) float32 scores in [0, 1], low = bad; a column for each `ImageIssue`.
        image_sets: (I,) int64 sets of near-duplicates, 0 = the largest; -1 in none.
        captions: (C, 6) float32, a column for each `CaptionIssue`; NaN where it could not be checked.
        caption_sets: (C,) int64, as `image_sets`.
        language: of the captions.
    """

    images: FloatArray
    image_sets: IntArray
    captions: FloatArray
    caption_sets: IntArray
    language: CorpusLanguage

    def n_flagged_images(self) -> dict[str, int]:
        """How many images each issue flags."""
        return _n_flagged(self.images, IMAGE_THRESHOLDS)

    def n_flagged_captions(self) -> dict[str, int | None]:
        """How many captions each issue flags; None where it could not be checked."""
        counts = _n_flagged(self.captions, CAPTION_THRESHOLDS)
        is_checked = ~np.isnan(self.captions[:1]).reshape(-1)  # in all rows of a column or in none
        unchecked = {issue for issue, is_one in zip(CaptionIssue, is_checked, strict=False) if not is_one}
        return {issue: None if issue in unchecked else count for issue, count in counts.items()}


def check_corpus(
    *,
    image_scores: FloatArray,
    image_hashes: BoolArray,
    n_paths: IntArray,
    captions: Sequence[str],
    n_images_of_caption: IntArray,
    caption_vectors: FloatArray | None,
) -> CorpusChecks:
    """Checks distinct images and captions.

    Args:
        image_scores: (I, 5) float32, those of `measure_image`.
        image_hashes: (I, 64) bool, those of `measure_image`.
        n_paths: (I,) int64, how many paths have the bytes of each image.
        captions: C texts, no two equal.
        n_images_of_caption: (C,) int64, how many images have each caption.
        caption_vectors: (C, D) float32 of an encoder; None where there are none, and then near-duplicates among
            captions are not sought.
    """
    # Images of one colour have no picture to hash, and would all be copies of one another.
    is_blank = image_scores[:, MEASURED.index(ImageIssue.BLANK)] < IMAGE_THRESHOLDS[ImageIssue.BLANK]
    # The cosine of bits as -1 and 1 is 1 - (differing bits) / 32.
    bits = np.where(image_hashes, 1, -1).astype(np.float32)
    bits[is_blank] = 0
    near_images = find_near_duplicates(bits, threshold=IMAGE_THRESHOLDS[ImageIssue.NEAR_DUPLICATE])
    language = detect_languages(captions)
    texts = caption_scores(captions)
    near_scores = np.full(len(captions), np.nan, dtype=np.float32)
    caption_sets = np.full(len(captions), NOBODY)
    if caption_vectors is not None:
        found = find_near_duplicates(caption_vectors, threshold=CAPTION_THRESHOLDS[CaptionIssue.NEAR_DUPLICATE])
        near_scores, caption_sets = found.scores, found.sets
    by_image = dict(zip(MEASURED, image_scores.T, strict=True)) | {
        ImageIssue.DUPLICATE: _uniqueness(n_paths),
        ImageIssue.NEAR_DUPLICATE: near_images.scores,
    }
    by_caption = dict(zip(JUDGED, texts.T, strict=True)) | {
        CaptionIssue.WRONG_LANGUAGE: language.scores,
        CaptionIssue.DUPLICATE: _uniqueness(n_images_of_caption),
        CaptionIssue.NEAR_DUPLICATE: near_scores,
    }
    return CorpusChecks(
        images=np.stack([by_image[issue] for issue in ImageIssue], axis=1).astype(np.float32),
        image_sets=near_images.sets,
        captions=np.stack([by_caption[issue] for issue in CaptionIssue], axis=1).astype(np.float32),
        caption_sets=caption_sets,
        language=language,
    )


def _uniqueness(counts: IntArray) -> FloatArray:
    shares: FloatArray = (1 / np.maximum(counts, 1)).astype(np.float32)
    return shares


def _n_flagged(
    scores: FloatArray, thresholds: Mapping[ImageIssue, float] | Mapping[CaptionIssue, float]
) -> dict[str, int]:
    # As float32, the type in which scores are stored and compared: a score on its threshold is not flagged.
    cuts = np.array(list(thresholds.values()), dtype=np.float32)
    return dict(zip(map(str, thresholds), (scores < cuts).sum(axis=0).tolist(), strict=True))
