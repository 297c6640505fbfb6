"""HTTP of reports: pages, downloads, the summary, one pair."""

import uuid
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Response

from app.core.models import ReasonCode
from app.core.repositories import reports
from app.core.repositories.reports import Change, ReportFilter
from app.cut import CutDep
from app.dependencies import Page, ResourcesDep, SessionDep, StorageDep, WorkspaceId
from app.pagination import view_page
from app.problems import problems
from app.reports import service
from app.reports.downloads import ReportFormat, report_encoder, report_filename, stream_report
from app.reports.schemas import PairDetail, ReportRowView
from app.resources import Resources
from app.runs.schemas import RunSummary
from app.runs.service import PublishedRun, get_published_run
from app.schemas import PagedView
from app.streaming import GeneratedResponse, attachment

router = APIRouter(prefix="/v1/runs/{run_id}", tags=["reports"])

_MAX_RANK = 2**31 - 1
_NO_NUL = r"^[^\x00]*$"  # PostgreSQL's text cannot hold it, so no caption does

Share = Annotated[float | None, Query(ge=0, le=1, allow_inf_nan=False)]


@dataclass(frozen=True)
class WantedReport:
    """The published run of a request and which of its rows are wanted."""

    run: PublishedRun
    rows: ReportFilter


def get_published(run_id: uuid.UUID, session: SessionDep, workspace_id: WorkspaceId) -> PublishedRun:
    return get_published_run(session, workspace_id, run_id)


PublishedRunDep = Annotated[PublishedRun, Depends(get_published)]


def get_wanted_report(
    run: PublishedRunDep,
    session: SessionDep,
    cut: CutDep,
    flag: Annotated[bool | None, Query(description="only flagged rows, or only the others")] = None,
    min_correspondence: Share = None,
    max_correspondence: Share = None,
    image_id: Annotated[uuid.UUID | None, Query(description="only the pairs of this image")] = None,
    q: Annotated[
        str | None, Query(max_length=500, pattern=_NO_NUL, description="only captions with all of these words")
    ] = None,
    reason: Annotated[ReasonCode | None, Query(description="only pairs with this reason_code")] = None,
    near_duplicate: Annotated[
        bool | None, Query(description="only pairs whose image is nearly another one, or only the others")
    ] = None,
    best_captions: Annotated[
        int | None,
        Query(ge=1, le=_MAX_RANK, description="only so many captions of each image, those that fit it best"),
    ] = None,
    change: Annotated[
        Change | None, Query(description="only pairs with this change against the run of the version before")
    ] = None,
) -> WantedReport:
    rows = ReportFilter(
        threshold=service.threshold_of(session, run, cut),
        is_mismatch=flag,
        min_correspondence=min_correspondence,
        max_correspondence=max_correspondence,
        image_id=image_id,
        caption_words=service.caption_words(q),
        reason_code=reason,
        is_near_duplicate=near_duplicate,
        best_captions=best_captions,
        change=change,
        base=service.comparison_of(run),
    )
    return WantedReport(run, rows)


WantedReportDep = Annotated[WantedReport, Depends(get_wanted_report)]


def _file(report_format: ReportFormat) -> dict[int | str, dict[str, Any]]:  # Any: OpenAPI JSON, FastAPI's type
    """The `responses` entry of a download."""
    schema = {"type": "string", "format": "binary"}
    return {200: {"description": "The report", "content": {report_format.media_type: {"schema": schema}}}}


@router.get("/report", responses=problems(404, 409))
def list_report(wanted: WantedReportDep, session: SessionDep, page: Page) -> PagedView[ReportRowView]:
    """List the findings, the worst first.

    409 `report_not_ready` until the run is done, `not_calibrated` where an `fdr` is asked of a run that cannot keep
    one; 422 `threshold_and_fdr` where both are given.
    """
    after_rank = min(page.after(int) or 0, _MAX_RANK)
    rows = reports.report_page(
        session, service.scope_of(wanted.run), wanted.rows, after_rank=after_rank, limit=page.limit + 1
    )
    return view_page(rows, page, key=lambda row: row.rank, view=ReportRowView.model_validate)


@router.get("/report.csv", response_class=Response, responses={**_file(ReportFormat.CSV), **problems(404, 409)})
def download_report_csv(
    wanted: WantedReportDep,
    resources: ResourcesDep,
    raw: Annotated[
        bool, Query(description="cells exactly as uploaded; else a cell that a spreadsheet would run gets a `'`")
    ] = False,
) -> Response:
    """Download the findings as CSV, the worst first, with the same filters as the list."""
    return _download(resources, wanted, ReportFormat.CSV, raw=raw)


@router.get("/report.jsonl", response_class=Response, responses={**_file(ReportFormat.JSONL), **problems(404, 409)})
def download_report_jsonl(wanted: WantedReportDep, resources: ResourcesDep) -> Response:
    """Download the findings as JSON Lines, exact, the worst first, with the same filters as the list."""
    return _download(resources, wanted, ReportFormat.JSONL)


@router.get("/report.parquet", response_class=Response, responses={**_file(ReportFormat.PARQUET), **problems(404, 409)})
def download_report_parquet(wanted: WantedReportDep, resources: ResourcesDep) -> Response:
    """Download the findings as Parquet, exact, the worst first, with the same filters as the list."""
    return _download(resources, wanted, ReportFormat.PARQUET)


@router.get("/summary", responses=problems(404, 409))
def get_summary(run: PublishedRunDep, session: SessionDep, cut: CutDep) -> RunSummary:
    """Show a run's numbers, with the flags and what to expect of them at `threshold` or at `fdr`."""
    return service.report_summary(session, run, cut)


@router.get("/pairs/{pair_id}", responses=problems(404, 409))
def get_pair(
    pair_id: uuid.UUID, run: PublishedRunDep, session: SessionDep, storage: StorageDep, cut: CutDep
) -> PairDetail:
    """Show the finding on one pair, with its image, all captions of that image and the trajectory of its label."""
    return service.pair_detail(session, storage, run, pair_id, cut)


def _download(
    resources: Resources, wanted: WantedReport, report_format: ReportFormat, *, raw: bool = False
) -> Response:
    scope = service.scope_of(wanted.run)
    encode = report_encoder(report_format, raw=raw)
    return GeneratedResponse(
        stream_report(resources.session_factory, scope, wanted.rows, encode),
        media_type=report_format.media_type,
        headers={"Content-Disposition": attachment(report_filename(wanted.run.id, report_format))},
    )
