"""HTTP of proposed repairs: pages and a download."""

import uuid
from collections.abc import Generator
from contextlib import closing
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response

from app.core.models import RepairKind
from app.core.repositories import repairs
from app.core.repositories.repairs import RepairFilter
from app.dependencies import Page, ResourcesDep, SessionDep, WorkspaceId
from app.pagination import page_of
from app.problems import problems
from app.repairs import service
from app.repairs.csv_format import encode_repairs_csv
from app.repairs.schemas import RepairView
from app.resources import Resources
from app.runs.service import get_published_run
from app.schemas import PagedView
from app.streaming import GeneratedResponse, attachment

router = APIRouter(prefix="/v1/runs/{run_id}", tags=["repairs"])

_BATCH_ROWS = 1000
_MAX_NUMBER = 2**31 - 1
_CSV = "text/csv; charset=utf-8"
_CSV_FILE: dict[int | str, dict[str, Any]] = {  # Any: OpenAPI JSON, FastAPI's type
    200: {"description": "The repairs", "content": {_CSV: {"schema": {"type": "string", "format": "binary"}}}}
}


def get_wanted(
    run_id: uuid.UUID,
    session: SessionDep,
    workspace_id: WorkspaceId,
    kind: Annotated[RepairKind | None, Query(description="only proposals of this kind")] = None,
    pair_id: Annotated[
        uuid.UUID | None, Query(description="only the proposal that changes this pair or moves its caption")
    ] = None,
    min_after: Annotated[
        float | None,
        Query(ge=0, le=1, allow_inf_nan=False, description="only proposals at least as likely to be right"),
    ] = None,
) -> RepairFilter:
    run = get_published_run(session, workspace_id, run_id)
    return RepairFilter(run.workspace_id, run.id, kind=kind, pair_id=pair_id, min_after=min_after)


WantedDep = Annotated[RepairFilter, Depends(get_wanted)]


@router.get("/repairs", responses=problems(404, 409))
def list_repairs(wanted: WantedDep, session: SessionDep, page: Page) -> PagedView[RepairView]:
    """List what the corpus itself offers in place of flagged captions, the largest gain first.

    409 `report_not_ready` until the run is done. A run of `method: crcl` proposes nothing.
    """
    after = min(page.after(int) or 0, _MAX_NUMBER)
    rows = repairs.repair_page(session, wanted, after_number=after, limit=page.limit + 1)
    shown, next_cursor = page_of(rows, page, key=lambda row: row.number)
    return PagedView(items=service.view_repairs(session, wanted, shown), next_cursor=next_cursor)


@router.get("/repairs.csv", response_class=Response, responses={**_CSV_FILE, **problems(404, 409)})
def download_repairs(
    wanted: WantedDep,
    resources: ResourcesDep,
    raw: Annotated[
        bool, Query(description="cells exactly as uploaded; else a cell that a spreadsheet would run gets a `'`")
    ] = False,
) -> Response:
    """Download the proposals as CSV, a line for each pair that changes, with the same filters as the list."""
    return GeneratedResponse(
        _stream(resources, wanted, raw=raw),
        media_type=_CSV,
        headers={"Content-Disposition": attachment(f"mispair-repairs-{wanted.run_id}.csv")},
    )


# The session is the generator's own because the request's is closed before the first byte is sent.
def _stream(resources: Resources, wanted: RepairFilter, *, raw: bool) -> Generator[bytes, None, None]:
    with (
        resources.session_factory() as session,
        closing(repairs.stream_repair_pairs(session, wanted, batch_rows=_BATCH_ROWS)) as batches,
    ):
        yield from encode_repairs_csv(batches, raw=raw)
