"""What may be wrong with an image or a caption taken alone, and below which score it is flagged.

None of it says whether an image and a caption belong together.
"""

from enum import StrEnum


class ImageIssue(StrEnum):
    """What may be wrong with an image; the order is that of the columns of scores."""

    DARK = "dark"
    BLURRY = "blurry"
    BLANK = "blank"
    ODD_ASPECT = "odd_aspect"
    TINY = "tiny"
    DUPLICATE = "duplicate"
    NEAR_DUPLICATE = "near_duplicate"


class CaptionIssue(StrEnum):
    """What may be wrong with a caption; the order is that of the columns of scores."""

    EMPTY = "empty"
    OVERLONG = "overlong"
    WRONG_LANGUAGE = "wrong_language"
    BOILERPLATE = "boilerplate"
    DUPLICATE = "duplicate"
    NEAR_DUPLICATE = "near_duplicate"


# A score below its threshold is flagged. docs/decisions/0007-corpus-checks.md has the measurements behind them.
IMAGE_THRESHOLDS: dict[ImageIssue, float] = {
    ImageIssue.DARK: 0.35,  # the brightest hundredth of the pixels is darker than this share of white
    ImageIssue.BLURRY: 0.4,  # as an image of 224 pixels under a Gaussian blur of one pixel
    ImageIssue.BLANK: 0.15,
    ImageIssue.ODD_ASPECT: 1 / 3,  # one side is more than three times the other
    ImageIssue.TINY: 0.5,  # the shorter side has fewer than 64 pixels
    ImageIssue.DUPLICATE: 0.75,  # more than one path has these bytes
    ImageIssue.NEAR_DUPLICATE: 0.2,  # at most 6 of the 64 bits of the hashes differ
}
CAPTION_THRESHOLDS: dict[CaptionIssue, float] = {
    CaptionIssue.EMPTY: 0.5,
    CaptionIssue.OVERLONG: 1.0,  # more than 64 words
    CaptionIssue.WRONG_LANGUAGE: 0.1,
    CaptionIssue.BOILERPLATE: 0.5,  # over half of the text is of a kind that describes no picture
    CaptionIssue.DUPLICATE: 0.75,  # more than one image has this caption
    CaptionIssue.NEAR_DUPLICATE: 0.03,
}
