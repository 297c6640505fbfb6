"""Searches on the wire."""

import uuid
from typing import Annotated, Self

from pydantic import Field, model_validator

from app.schemas import RequestModel, WireModel
from app.search.pair_table import Flagged, Returns

MAX_K = 500
DEFAULT_K = 10

Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class SearchFilters(RequestModel):
    """Which pairs take part. An image, or a caption, is found if at least one of its pairs passes."""

    min_correspondence: Share | None = None
    flagged: Flagged = Flagged.ANY


class SearchPlan(RequestModel):
    """What to find, whatever the query is."""

    returns: Returns = Returns.IMAGES
    k: Annotated[int, Field(ge=1, le=MAX_K)] = DEFAULT_K
    filters: SearchFilters = SearchFilters()
    threshold: Share | None = Field(default=None, description="correspondence below it is flagged; default: the run's")
    fdr: Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)] | None = Field(
        default=None,
        description="instead of a threshold: flag the most at which this share of the flagged is expected to be wrong",
    )


class SearchRequest(SearchPlan):
    """A search by words, or by an image of the corpus: exactly one of `text` and `image_id`."""

    text: Annotated[str, Field(min_length=1, max_length=2000, pattern=r"\S")] | None = None
    image_id: uuid.UUID | None = None

    @model_validator(mode="after")
    def _has_one_query(self) -> Self:
        if (self.text is None) == (self.image_id is None):
            raise ValueError("give exactly one of text and image_id; an image of your own is sent as the raw body")
        return self

    @property
    def query(self) -> str | uuid.UUID:
        """Whichever of the two was given."""
        return (self.text or "") if self.image_id is None else self.image_id


class HitImage(WireModel):
    """The image of a hit."""

    image_id: uuid.UUID
    source_path: str


class HitCaption(WireModel):
    """A caption of an image that was found."""

    pair_id: uuid.UUID
    pair_key: str
    caption: str
    correspondence: float
    is_mismatch: bool


class HitPairView(WireModel):
    """A pair whose caption was found."""

    pair_id: uuid.UUID
    pair_key: str
    image_id: uuid.UUID
    source_path: str
    correspondence: float
    is_mismatch: bool


class SearchHit(WireModel):
    """An image with its captions (`returns=images`), or a distinct caption with its pairs (`returns=captions`).

    Only pairs that pass the filters are listed, at most 50 of them; `n_pairs` says how many there are.
    """

    score: float = Field(description="cosine similarity, -1 to 1")
    n_pairs: int
    image: HitImage | None = None
    captions: list[HitCaption] = []
    caption: str | None = None
    pairs: list[HitPairView] = []


class SearchQueryView(WireModel):
    """The search as the service understood it."""

    text: str | None
    unknown_words: list[str] = Field(
        default=[], description="words of the text that a run of vse_infty does not know, so that they found nothing"
    )
    image_id: uuid.UUID | None
    image_px: tuple[int, int] | None = Field(description="width and height of a query that is an image")
    returns: Returns
    k: int
    filters: SearchFilters
    threshold: float


class Neighbours(WireModel):
    """What lies nearest to the image or to the caption of a pair, itself left out, nearest first."""

    images: list[SearchHit]
    captions: list[SearchHit]


class PairNeighbours(WireModel):
    """The neighbours of a pair in the space of the run's model. Of a true pair they speak of the same things."""

    of_image: Neighbours
    of_caption: Neighbours


class SearchAnswer(WireModel):
    """Hits, best first."""

    items: list[SearchHit]
    query: SearchQueryView
