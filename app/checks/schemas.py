"""The checks beside mismatch on the wire."""

import uuid
from enum import StrEnum

from pydantic import Field

from app.schemas import WireModel


class ImageIssue(StrEnum):
    """What may be wrong with an image taken alone."""

    DARK = "dark"
    BLURRY = "blurry"
    BLANK = "blank"
    ODD_ASPECT = "odd_aspect"
    TINY = "tiny"
    DUPLICATE = "duplicate"
    NEAR_DUPLICATE = "near_duplicate"


class CaptionIssue(StrEnum):
    """What may be wrong with a caption taken alone."""

    EMPTY = "empty"
    OVERLONG = "overlong"
    WRONG_LANGUAGE = "wrong_language"
    BOILERPLATE = "boilerplate"
    DUPLICATE = "duplicate"
    NEAR_DUPLICATE = "near_duplicate"


class IssueCount(WireModel):
    """How many items an issue flags."""

    issue: str
    threshold: float = Field(description="a score below it is flagged")
    n_flagged: int | None = Field(description="null where it could not be checked")


class LanguageCount(WireModel):
    """How many captions are surely in a language."""

    language: str = Field(description="ISO 639")
    n_captions: int


class ChecksWarning(WireModel):
    """What the checks say about the corpus as a whole."""

    code: str
    detail: str


class ChecksSummary(WireModel):
    """What is wrong with the images and captions of a corpus, each taken alone; mismatch is another question."""

    n_images: int
    n_captions: int = Field(description="distinct captions")
    images: list[IssueCount]
    captions: list[IssueCount]
    n_image_sets: int = Field(description="sets of near-duplicate images")
    n_caption_sets: int
    main_language: str | None = Field(description="of most captions whose language is sure; ISO 639")
    other_language_share: float = Field(description="share of the captions that `wrong_language` flags")
    languages: list[LanguageCount] = Field(description="the most frequent first")
    warnings: list[ChecksWarning]


class CheckedItem(WireModel):
    """What images and captions of a list have in common."""

    score: float = Field(description="of the issue asked for, 0 to 1; low = bad")
    is_near_duplicate: bool
    near_duplicate_set: int | None = Field(description="equal for near-duplicates of one another; 0 = the largest set")


class CheckedImage(CheckedItem):
    """An image and its score."""

    image_id: uuid.UUID
    source_path: str = Field(description="the first path that named this content")
    width_px: int
    height_px: int


class CheckedCaption(CheckedItem):
    """A distinct caption in the wording of its first pair, and its score."""

    caption: str
    pair_id: uuid.UUID
    pair_key: str
    language: str | None = Field(description="the likeliest, ISO 639; null without letters")
