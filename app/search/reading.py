"""From a request to a search: JSON with words or an image's id, or the bytes of an image with the rest in the query."""

import uuid
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Query, Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError

from app.core.errors import InvalidPayloadError, UnsupportedTypeError
from app.dependencies import WorkspaceId
from app.search.pair_table import Flagged, Returns
from app.search.schemas import DEFAULT_K, MAX_K, SearchFilters, SearchPlan, SearchRequest

Share = Annotated[float | None, Query(ge=0, le=1, allow_inf_nan=False, description="with an image body only")]


@dataclass(frozen=True)
class ReadSearch:
    """A search as it was sent. The query is words, the id of an image of ours, or the bytes of another image."""

    plan: SearchPlan
    query: str | uuid.UUID | bytes


def get_plan(
    returns: Annotated[Returns, Query(description="with an image body only")] = Returns.IMAGES,
    k: Annotated[int, Query(ge=1, le=MAX_K, description="with an image body only")] = DEFAULT_K,
    min_correspondence: Share = None,
    flagged: Annotated[Flagged, Query(description="with an image body only")] = Flagged.ANY,
    threshold: Share = None,
    fdr: Annotated[float | None, Query(gt=0, lt=1, allow_inf_nan=False, description="with an image body only")] = None,
) -> SearchPlan:
    filters = SearchFilters(min_correspondence=min_correspondence, flagged=flagged)
    return SearchPlan(returns=returns, k=k, filters=filters, threshold=threshold, fdr=fdr)


async def read_search(
    request: Request,
    workspace_id: WorkspaceId,  # noqa: ARG001 - asked for so that nobody's body is read before the key is known
    plan: Annotated[SearchPlan, Depends(get_plan)],
) -> ReadSearch:
    """Read the body, whose size the body limits watch over.

    Raises:
        UnsupportedTypeError: neither JSON nor an image.
        InvalidPayloadError: an empty image, or a query string beside JSON.
        RequestValidationError: the JSON is not a search.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type.startswith("image/"):
        image = await request.body()
        if not image:
            raise InvalidPayloadError("body: empty, expected the bytes of an image", code="empty_body")
        return ReadSearch(plan, image)
    if media_type != "application/json":
        raise UnsupportedTypeError(
            f"Content-Type: {media_type or 'none'}; allowed are application/json and image/*",
            code="unsupported_content_type",
        )
    if request.query_params:
        raise InvalidPayloadError("query: a search in JSON has everything in its body; the query string must be empty")
    asked = _parse(await request.body())
    return ReadSearch(asked, asked.query)


def _parse(body: bytes) -> SearchRequest:
    try:
        return SearchRequest.model_validate_json(body)
    except ValidationError as error:
        faults = error.errors(include_context=False, include_url=False)
        raise RequestValidationError([{**fault, "loc": ("body", *fault["loc"])} for fault in faults]) from error
