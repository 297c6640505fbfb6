"""What is known of a corpus before any training, as the server and `mispair check` tell it."""

from dataclasses import dataclass

from mispair.answers import CorpusFormat


@dataclass(frozen=True)
class Unjoined:
    """A row that cannot be used, or an image that no caption names, as an example."""

    code: str
    detail: str
    source_path: str | None = None
    source_file: str | None = None
    row_number: int | None = None
    byte_offset: int | None = None


@dataclass(frozen=True)
class Spread:
    """Some numbers: smallest, median, 95th percentile, largest."""

    min: float
    median: float
    p95: float
    max: float


@dataclass(frozen=True)
class RepeatedCaption:
    """A caption that stands at several images."""

    caption: str
    n_images: int


@dataclass(frozen=True)
class CaptionFacts:
    """Captions of the rows whose image was found. `words` a caption, `per_image` captions an image."""

    n_distinct: int
    n_repeated: int
    words: Spread | None
    per_image: Spread | None
    main_language: str | None
    languages: dict[str, int]
    n_language_sample: int
    most_repeated: list[RepeatedCaption]


@dataclass(frozen=True)
class ImageFacts:
    """Sizes in pixels, of a sample."""

    n_sampled: int
    n_unreadable: int
    width: Spread | None
    height: Spread | None


@dataclass(frozen=True)
class PreflightWarning:
    """What should be looked at before a run is started: `low_join_rate` or `shifted_captions`."""

    code: str
    detail: str


@dataclass(frozen=True)
class Preflight:
    """What is known of a corpus before any training. `needs_confirmation`: a run needs `confirm_warnings`."""

    format: CorpusFormat
    n_rows: int
    n_joined: int
    join_rate: float
    n_images: int
    n_images_without_caption: int
    n_other_files: int
    faults: dict[str, int]
    samples: list[Unjoined]
    captions: CaptionFacts
    images: ImageFacts
    estimated_run_s: float
    warnings: list[PreflightWarning]
    needs_confirmation: bool
