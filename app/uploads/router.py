"""Resumable uploads by the tus protocol, version 1.0."""

import uuid
from email.utils import format_datetime
from functools import partial
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from app.core.database import session_scope
from app.core.errors import AppError
from app.core.models import Upload
from app.core.repositories import uploads
from app.dependencies import Page, ResourcesDep, SessionDep, SettingsDep, WorkspaceId
from app.pagination import view_page
from app.problems import problems
from app.resources import Resources
from app.schemas import PagedView
from app.uploads import service
from app.uploads.body import Body
from app.uploads.errors import BadRequestError
from app.uploads.finishing import Finisher
from app.uploads.piece import Piece
from app.uploads.schemas import UploadView
from app.uploads.storing import Hold
from app.uploads.tus_headers import (
    CHECKSUM_ALGORITHMS,
    EXTENSIONS,
    VERSION,
    Metadata,
    check_body_type,
    format_metadata,
    parse_checksum,
    parse_count,
    parse_metadata,
)
from app.uploads.tus_protocol import PREFIX

router = APIRouter(prefix=PREFIX, tags=["uploads"])


def _headers(**required: dict[str, object]) -> dict[str, Any]:  # Any: OpenAPI JSON
    """Parameters of an operation of the protocol; the handlers read them themselves, with tus's own statuses."""
    version: dict[str, object] = {"const": VERSION}
    wanted = {"Tus-Resumable": version} | {name.replace("_", "-"): schema for name, schema in required.items()}
    return {
        "parameters": [
            {"name": name, "in": "header", "required": True, "schema": {"type": "string", **schema}}
            for name, schema in wanted.items()
        ]
    }


_COUNT: dict[str, object] = {"pattern": "^[0-9]{1,18}$"}
_PIECE_BODY = {
    "requestBody": {
        "description": "bytes of the archive",
        "content": {"application/offset+octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


@router.options("", include_in_schema=False)
@router.options("/{upload_id}", include_in_schema=False)
def describe_protocol(settings: SettingsDep) -> Response:
    """What this server can, without a key: a browser asks before it sends one."""
    return Response(
        status_code=204,
        headers={
            "Tus-Version": VERSION,
            "Tus-Extension": EXTENSIONS,
            "Tus-Max-Size": str(settings.max_archive_bytes),
            "Tus-Checksum-Algorithm": ",".join(CHECKSUM_ALGORITHMS),
        },
    )


@router.post(
    "",
    status_code=201,
    response_class=Response,
    responses=problems(404, 409, 412, 415, 429),
    openapi_extra=_headers(Upload_Length=_COUNT, Upload_Metadata={"description": "keys, each with a value in base64"}),
)
async def create_upload(request: Request, workspace_id: WorkspaceId, resources: ResourcesDep) -> Response:
    """Begin an upload of `Upload-Length` bytes for the corpus of `corpus_id` in `Upload-Metadata`, or a new `name`."""
    n_bytes = _length(request)
    metadata = parse_metadata(request.headers.get("upload-metadata"))
    checksum = parse_checksum(request.headers.get("upload-checksum"))
    has_body = request.headers.get("content-length", "0") != "0" or "transfer-encoding" in request.headers
    if has_body:
        check_body_type(request.headers.get("content-type"))
        service.check_fits(0, _declared(request), n_bytes)
    create = partial(_create, resources, workspace_id, n_bytes, metadata)
    upload, hold = await resources.uploads.with_rows(create)
    headers = {"Location": f"{PREFIX}/{upload.id}"}
    if has_body:
        try:
            upload = await Piece(resources).receive(hold, Body(request.receive), checksum)
        except AppError as error:
            # The upload is there: its client should go on with it rather than begin another one.
            error.headers.update(headers)
            raise
        headers["Upload-Offset"] = str(upload.n_stored)
    return Response(status_code=201, headers=headers | _standing(upload))


@router.get("")
def list_uploads(workspace_id: WorkspaceId, page: Page, session: SessionDep) -> PagedView[UploadView]:
    """Uploads of the workspace that have not expired, the newest first."""
    rows = uploads.list_uploads(session, workspace_id, after=page.after(uuid.UUID), limit=page.limit + 1)
    return view_page(rows, page, key=lambda upload: upload.id, view=UploadView.of)


@router.get("/{upload_id}", responses=problems(404, 410))
def get_upload(upload_id: uuid.UUID, workspace_id: WorkspaceId, session: SessionDep) -> UploadView:
    """How an upload stands; unlike HEAD it leaves alone who is sending bytes."""
    return UploadView.of(service.get_upload(session, workspace_id, upload_id))


@router.head(
    "/{upload_id}",
    response_class=Response,
    responses=problems(404, 409, 410, 412, 415),
    openapi_extra=_headers(),
)
async def get_offset(upload_id: uuid.UUID, workspace_id: WorkspaceId, resources: ResourcesDep) -> Response:
    """Where to go on. A request that is still sending bytes of this upload loses it."""
    upload = await Piece(resources).look(workspace_id, upload_id)
    headers = {"Upload-Offset": str(upload.n_stored), "Upload-Length": str(upload.n_bytes)}
    if upload.encoded_metadata:
        headers["Upload-Metadata"] = format_metadata(upload.encoded_metadata)
    return Response(status_code=200, headers=headers | _standing(upload) | {"Cache-Control": "no-store"})


@router.patch(
    "/{upload_id}",
    status_code=204,
    response_class=Response,
    responses=problems(404, 409, 410, 412, 415, 423),
    openapi_extra=_PIECE_BODY | _headers(Upload_Offset=_COUNT),
)
async def append_bytes(
    upload_id: uuid.UUID, request: Request, workspace_id: WorkspaceId, resources: ResourcesDep
) -> Response:
    """Store bytes from `Upload-Offset` on; the last ones queue the import."""
    check_body_type(request.headers.get("content-type"))
    upload = await Piece(resources).append(
        workspace_id,
        upload_id,
        Body(request.receive),
        offset=parse_count("Upload-Offset", request.headers.get("upload-offset")),
        n_declared=_declared(request),
        checksum=parse_checksum(request.headers.get("upload-checksum")),
    )
    return Response(status_code=204, headers={"Upload-Offset": str(upload.n_stored)} | _standing(upload))


@router.delete("/{upload_id}", status_code=204, responses=problems(404, 412), openapi_extra=_headers())
async def delete_upload(upload_id: uuid.UUID, workspace_id: WorkspaceId, resources: ResourcesDep) -> None:
    """End an upload and free its bytes. The corpus of one that is done stays."""
    await resources.uploads.with_rows(partial(Finisher(resources).remove, workspace_id, upload_id))


def _declared(request: Request) -> int | None:
    declared = request.headers.get("content-length")
    return None if declared is None else parse_count("Content-Length", declared)


def _length(request: Request) -> int:
    if "upload-defer-length" in request.headers:
        raise BadRequestError(
            "Upload-Defer-Length: not supported; send Upload-Length, so that the bytes can be reserved",
            code="defer_length_unsupported",
        )
    if "upload-concat" in request.headers:
        raise BadRequestError("Upload-Concat: not supported", code="concatenation_unsupported")
    return parse_count("Upload-Length", request.headers.get("upload-length"))


def _create(resources: Resources, workspace_id: uuid.UUID, n_bytes: int, metadata: Metadata) -> tuple[Upload, Hold]:
    with session_scope(resources.session_factory) as session:
        upload = service.create_upload(session, resources.settings, workspace_id, n_bytes=n_bytes, metadata=metadata)
        return upload, service.hold_of(upload)


def _standing(upload: Upload) -> dict[str, str]:
    """When the upload expires, and where its corpus is."""
    expires = format_datetime(upload.expires_at, usegmt=True)
    return {"Upload-Expires": expires, "Mispair-Corpus": f"/v1/corpora/{upload.corpus_id}"}
