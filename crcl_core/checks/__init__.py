from crcl_core.checks.caption_language import CorpusLanguage, detect_languages
from crcl_core.checks.caption_shift import MIN_SHIFT_IMAGES, CaptionShift, find_caption_shift
from crcl_core.checks.caption_text import caption_scores
from crcl_core.checks.corpus_checks import CorpusChecks, check_corpus
from crcl_core.checks.image_quality import ImageMeasures, measure_image
from crcl_core.checks.issues import CAPTION_THRESHOLDS, IMAGE_THRESHOLDS, CaptionIssue, ImageIssue
from crcl_core.checks.near_duplicates import NearDuplicates, find_near_duplicates

__all__ = [
    "CAPTION_THRESHOLDS",
    "IMAGE_THRESHOLDS",
    "MIN_SHIFT_IMAGES",
    "CaptionIssue",
    "CaptionShift",
    "CorpusChecks",
    "CorpusLanguage",
    "ImageIssue",
    "ImageMeasures",
    "NearDuplicates",
    "caption_scores",
    "check_corpus",
    "detect_languages",
    "find_caption_shift",
    "find_near_duplicates",
    "measure_image",
]
