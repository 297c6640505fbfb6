"""A preflight on the wire."""

from pydantic import Field

from app.corpora.schemas import FormatView
from app.schemas import WireModel


class UnjoinedView(WireModel):
    """A row that cannot be used, or an image that no caption names, as an example."""

    code: str
    detail: str
    source_path: str | None
    source_file: str | None
    row_number: int | None
    byte_offset: int | None


class SpreadView(WireModel):
    """Some numbers: smallest, median, 95th percentile, largest."""

    min: float
    median: float
    p95: float
    max: float


class RepeatedCaptionView(WireModel):
    """A caption that stands at several images."""

    caption: str
    n_images: int


class CaptionFactsView(WireModel):
    """Captions of the rows whose image was found."""

    n_distinct: int = Field(description="apart from case, punctuation and spacing")
    n_repeated: int = Field(description="rows whose caption stands at another image too")
    words: SpreadView | None = Field(description="per caption")
    per_image: SpreadView | None = Field(description="captions per image")
    main_language: str | None
    languages: dict[str, int] = Field(description="of a sample, how many captions are surely in which")
    n_language_sample: int
    most_repeated: list[RepeatedCaptionView]


class ImageFactsView(WireModel):
    """Sizes in pixels, of a sample."""

    n_sampled: int
    n_unreadable: int
    width: SpreadView | None
    height: SpreadView | None


class PreflightWarning(WireModel):
    """What should be looked at before a run is started."""

    code: str = Field(description="low_join_rate or shifted_captions")
    detail: str


class PreflightView(WireModel):
    """What is known of a corpus before any training."""

    format: FormatView
    n_rows: int
    n_joined: int = Field(description="rows whose image was found")
    join_rate: float = Field(description="of the rows; those that were never downloaded do not count")
    n_images: int = Field(description="files with a caption; equal contents are not yet told")
    n_images_without_caption: int
    n_other_files: int
    faults: dict[str, int] = Field(
        description="rows by rejection code, apart from what is wrong with the images themselves"
    )
    samples: list[UnjoinedView] = Field(description="the first few of each reason")
    captions: CaptionFactsView
    images: ImageFactsView
    estimated_run_s: float = Field(description="of a default run on two CPU cores, roughly")
    warnings: list[PreflightWarning]
    needs_confirmation: bool = Field(description="whether a run needs confirm_warnings: true")
