"""What the server says about the images and captions of a corpus, each taken alone, as frozen dataclasses."""

from dataclasses import dataclass


@dataclass(frozen=True)
class IssueCount:
    """How many items an issue flags: those with a score below `threshold`; None where it could not be checked."""

    issue: str
    threshold: float
    n_flagged: int | None = None


@dataclass(frozen=True)
class LanguageCount:
    """How many captions are surely in a language (ISO 639)."""

    language: str
    n_captions: int


@dataclass(frozen=True)
class ChecksWarning:
    """What the checks say about the corpus as a whole: `code` is stable, `detail` is a sentence."""

    code: str
    detail: str


@dataclass(frozen=True)
class ChecksSummary:
    """What is wrong with the images and captions of a corpus; whether they match is another question.

    Attributes:
        n_captions: distinct ones.
        n_image_sets, n_caption_sets: sets of near-duplicates.
        main_language: of most captions whose language is sure; None where none is.
        other_language_share: share of the captions that `wrong_language` flags.
    """

    n_images: int
    n_captions: int
    images: tuple[IssueCount, ...]
    captions: tuple[IssueCount, ...]
    n_image_sets: int = 0
    n_caption_sets: int = 0
    main_language: str | None = None
    other_language_share: float = 0.0
    languages: tuple[LanguageCount, ...] = ()
    warnings: tuple[ChecksWarning, ...] = ()


@dataclass(frozen=True)
class CheckedImage:
    """An image that an issue flags. `score` is in [0, 1], low = bad."""

    image_id: str
    source_path: str
    score: float
    width_px: int | None = None
    height_px: int | None = None
    is_near_duplicate: bool = False
    near_duplicate_set: int | None = None


@dataclass(frozen=True)
class CheckedCaption:
    """A distinct caption that an issue flags, in the wording of its first pair."""

    caption: str
    pair_id: str
    pair_key: str
    score: float
    language: str | None = None
    is_near_duplicate: bool = False
    near_duplicate_set: int | None = None
