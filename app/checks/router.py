"""HTTP of the checks beside mismatch: the summary, lists of what an issue flags, downloads of all scores."""

from collections.abc import Generator
from contextlib import closing
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response

from app.checks import service
from app.checks.csv_format import encode_checks_csv
from app.checks.schemas import CaptionIssue, CheckedCaption, CheckedImage, ChecksSummary, ImageIssue
from app.checks.service import StoredChecks
from app.core.repositories import checks
from app.core.repositories.checks import CaptionCheckEntry, ImageCheckEntry
from app.dependencies import Page, PageQuery, ResourcesDep, SessionDep, ValidCorpus
from app.pagination import encode_cursor
from app.problems import problems
from app.resources import Resources
from app.schemas import PagedView
from app.streaming import GeneratedResponse, attachment

router = APIRouter(prefix="/v1/corpora/{corpus_id}/checks", tags=["checks"])

_BATCH_ROWS = 1000
_MAX_OFFSET = 2**31 - 1
_CSV = "text/csv; charset=utf-8"
_CSV_FILE: dict[int | str, dict[str, Any]] = {  # Any: OpenAPI JSON, FastAPI's type
    200: {"description": "All scores", "content": {_CSV: {"schema": {"type": "string", "format": "binary"}}}}
}

Threshold = Annotated[
    float | None, Query(ge=0, le=1, allow_inf_nan=False, description="list scores below it; default: the issue's own")
]


def get_checks(corpus: ValidCorpus, session: SessionDep) -> StoredChecks:
    return service.stored_checks(session, corpus)


ChecksDep = Annotated[StoredChecks, Depends(get_checks)]


@router.get("", responses=problems(404, 409))
def get_checks_summary(stored: ChecksDep) -> ChecksSummary:
    """Show what is wrong with the images and captions of a corpus, each taken alone.

    409 `checks_not_ready` until the first run of the newest version has encoded it.
    """
    return stored.summary


@router.get("/images", responses=problems(404, 409))
def list_checked_images(
    issue: ImageIssue, stored: ChecksDep, session: SessionDep, page: Page, threshold: Threshold = None
) -> PagedView[CheckedImage]:
    """List the images that an issue flags, the worst first; near-duplicates set by set, the largest first."""
    offset = _offset(page)
    rows = checks.image_check_page(session, stored.items(issue, threshold), offset=offset, limit=page.limit + 1)
    items = [service.view_image(row, issue) for row in rows[: page.limit]]
    return PagedView(items=items, next_cursor=_next_cursor(page, offset, len(rows)))


@router.get("/captions", responses=problems(404, 409))
def list_checked_captions(
    issue: CaptionIssue, stored: ChecksDep, session: SessionDep, page: Page, threshold: Threshold = None
) -> PagedView[CheckedCaption]:
    """List the distinct captions that an issue flags, the worst first; near-duplicates set by set."""
    offset = _offset(page)
    rows = checks.caption_check_page(session, stored.items(issue, threshold), offset=offset, limit=page.limit + 1)
    items = [service.view_caption(row, issue) for row in rows[: page.limit]]
    return PagedView(items=items, next_cursor=_next_cursor(page, offset, len(rows)))


@router.get("/images.csv", response_class=Response, responses={**_CSV_FILE, **problems(404, 409)})
def download_image_checks(stored: ChecksDep, resources: ResourcesDep) -> Response:
    """Download every image with all its scores; the column `issues` names what is flagged."""
    name = f"mispair-image-checks-{stored.corpus_id}.csv"
    return GeneratedResponse(
        _stream_images(resources, stored), media_type=_CSV, headers={"Content-Disposition": attachment(name)}
    )


@router.get("/captions.csv", response_class=Response, responses={**_CSV_FILE, **problems(404, 409)})
def download_caption_checks(stored: ChecksDep, resources: ResourcesDep) -> Response:
    """Download every distinct caption with all its scores; the column `issues` names what is flagged."""
    name = f"mispair-caption-checks-{stored.corpus_id}.csv"
    return GeneratedResponse(
        _stream_captions(resources, stored), media_type=_CSV, headers={"Content-Disposition": attachment(name)}
    )


# The sessions are the generators' own because the request's is closed before the first byte is sent.
def _stream_images(resources: Resources, stored: StoredChecks) -> Generator[bytes, None, None]:
    thresholds = {count.issue: count.threshold for count in stored.summary.images}
    with (
        resources.session_factory() as session,
        closing(checks.stream_image_checks(session, stored.all_items(), batch_rows=_BATCH_ROWS)) as batches,
    ):
        yield from encode_checks_csv(ImageCheckEntry._fields, batches, thresholds)


def _stream_captions(resources: Resources, stored: StoredChecks) -> Generator[bytes, None, None]:
    thresholds = {count.issue: count.threshold for count in stored.summary.captions}
    with (
        resources.session_factory() as session,
        closing(checks.stream_caption_checks(session, stored.all_items(), batch_rows=_BATCH_ROWS)) as batches,
    ):
        yield from encode_checks_csv(CaptionCheckEntry._fields, batches, thresholds)


def _offset(page: PageQuery) -> int:
    """How many items the pages before had: stored checks never change, so that no item shifts."""
    return min(page.after(int) or 0, _MAX_OFFSET)


def _next_cursor(page: PageQuery, offset: int, n_fetched: int) -> str | None:
    return encode_cursor(offset + page.limit) if n_fetched > page.limit else None
