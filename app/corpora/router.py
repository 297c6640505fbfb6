"""Corpora: make, fill, look at, delete."""

import uuid
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from app.core.models import JobKind
from app.core.repositories import corpora
from app.corpora import changing, service
from app.corpora.preflight import view_preflight
from app.corpora.preflight_schemas import PreflightView
from app.corpora.rejection_files import RejectionFormat, stream_rejections
from app.corpora.schemas import CorpusView, CreateCorpus, CreateVersion, RejectionView, VersionView
from app.corpora.uploading import ArchiveUpload
from app.dependencies import (
    AfterCommitDep,
    Page,
    ResourcesDep,
    SessionDep,
    StorageDep,
    ValidCorpus,
    WorkspaceId,
)
from app.idempotency import OnceDep
from app.pagination import page_of, view_page
from app.problems import problems
from app.schemas import PagedView
from app.streaming import GeneratedResponse, attachment

router = APIRouter(prefix="/v1/corpora", tags=["corpora"])

_ARCHIVE_BODY = {
    "requestBody": {
        "required": True,
        "description": "the bytes of a zip, tar, tar.gz or tar.zst archive, or of a parquet file, whatever the "
        "Content-Type says",
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}

_REJECTION_FILE: dict[int | str, dict[str, Any]] = {  # Any: OpenAPI JSON, FastAPI's type
    200: {
        "description": "All rejections",
        "content": {one.media_type: {"schema": {"type": "string", "format": "binary"}} for one in RejectionFormat},
    }
}


@router.post("", status_code=201)
def create_corpus(body: CreateCorpus, workspace_id: WorkspaceId, session: SessionDep, once: OnceDep) -> CorpusView:
    """Make an empty corpus; its archive comes with `PUT /v1/corpora/{id}/archive`."""

    def create() -> CorpusView:
        corpus = service.create_corpus(session, workspace_id, name=body.name, wanted_format=body.format)
        return service.view_corpus(session, corpus)

    return once.answer(body, CorpusView, create)


@router.get("")
def list_corpora(workspace_id: WorkspaceId, page: Page, session: SessionDep) -> PagedView[CorpusView]:
    """Corpora of the workspace, the newest first."""
    rows = corpora.list_corpora(session, workspace_id, after=page.after(uuid.UUID), limit=page.limit + 1)
    kept, next_cursor = page_of(rows, page, key=lambda corpus: corpus.id)
    return PagedView(items=service.view_corpora(session, kept), next_cursor=next_cursor)


@router.get("/{corpus_id}", responses=problems(404))
def get_corpus(corpus: ValidCorpus, session: SessionDep) -> CorpusView:
    """A corpus, its newest version and its import."""
    return service.view_corpus(session, corpus)


@router.delete("/{corpus_id}", status_code=204, responses=problems(404, 409))
def delete_corpus(corpus: ValidCorpus, session: SessionDep, storage: StorageDep, after_commit: AfterCommitDep) -> None:
    """Delete a corpus with its runs and reports; refused while an import or a run of it has not ended."""
    service.delete_corpus(session, corpus, storage, after_commit)


@router.put("/{corpus_id}/archive", status_code=202, responses=problems(404, 409, 415), openapi_extra=_ARCHIVE_BODY)
async def put_archive(
    corpus_id: uuid.UUID,
    request: Request,
    workspace_id: WorkspaceId,
    resources: ResourcesDep,
    append: Annotated[
        bool, Query(description="add the archive's rows to a ready corpus, as a new version of it")
    ] = False,
) -> CorpusView:
    """Give a corpus its archive, once. Its import starts as soon as the last byte has come.

    With `append` a ready corpus gets another one: its rows make a new version, and the versions before stay.
    """
    upload = ArchiveUpload(resources, workspace_id, corpus_id, is_append=append)
    return await upload.take(request.headers.get("content-length"), request.stream())


@router.post("/{corpus_id}/versions", status_code=202, responses=problems(404, 409))
def create_version(
    body: CreateVersion,
    corpus: ValidCorpus,
    session: SessionDep,
    after_commit: AfterCommitDep,
    once: OnceDep,
) -> CorpusView:
    """Make a new version of a corpus without some of its pairs; the versions before stay.

    409 `corpus_not_ready`, `report_not_ready`, `not_newest_version` where the run cleaned an older one, or
    `not_calibrated`; 422 `unknown_pairs`, or `threshold_and_fdr`.
    """

    def create() -> CorpusView:
        job_id = changing.drop_pairs(session, corpus, body)
        after_commit.wake(JobKind.IMPORT, job_id)
        session.flush()
        return service.view_corpus(session, corpus)

    return once.answer(body, CorpusView, create)


@router.get("/{corpus_id}/versions", responses=problems(404))
def list_versions(corpus: ValidCorpus, page: Page, session: SessionDep) -> PagedView[VersionView]:
    """Versions of a corpus, the newest first."""
    rows = corpora.list_versions(session, corpus.id, after=page.after(int), limit=page.limit + 1)
    return view_page(rows, page, key=lambda version: version.number, view=VersionView.model_validate)


@router.get("/{corpus_id}/rejections", responses=problems(404))
def list_rejections(
    corpus: ValidCorpus,
    page: Page,
    session: SessionDep,
    number: Annotated[int | None, Query(alias="version", ge=1, le=2**31 - 1, description="default: the newest")] = None,
) -> PagedView[RejectionView]:
    """What the import of a version did not accept, and why; empty before there is a version."""
    version = service.find_version(session, corpus, number)
    if version is None:
        return PagedView(items=[], next_cursor=None)
    rows = corpora.list_rejections(session, version.id, after=page.after(int), limit=page.limit + 1)
    return view_page(rows, page, key=lambda rejection: rejection.id, view=RejectionView.model_validate)


@router.get(
    "/{corpus_id}/rejections.{file_format}", response_class=Response, responses={**_REJECTION_FILE, **problems(404)}
)
def download_rejections(
    file_format: RejectionFormat, corpus: ValidCorpus, session: SessionDep, resources: ResourcesDep, raw: bool = False
) -> Response:
    """Download all of them, with the file, the row and the byte at which each begins.

    CSV cells that a spreadsheet would run are quoted; `raw=1` leaves them.
    """
    version = corpora.latest_versions(session, [corpus.id]).get(corpus.id)
    rows = stream_rejections(resources.session_factory, None if version is None else version.id, file_format, raw=raw)
    headers = {"Content-Disposition": attachment(f"mispair-rejections-{corpus.id}.{file_format}")}
    return GeneratedResponse(rows, media_type=file_format.media_type, headers=headers)


@router.get("/{corpus_id}/preflight", responses=problems(404, 409))
def get_preflight(corpus: ValidCorpus, session: SessionDep) -> PreflightView:
    """Show what is known before any training: format, join rate, captions, image sizes, run time, warnings.

    409 `preflight_not_ready` until the archive is imported.
    """
    return view_preflight(session, corpus)
