"""HTTP of images: the user's bytes, never shown by the browser as anything of ours, and thumbnails that are ours."""

import uuid
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Response

from app.core.database import session_scope
from app.dependencies import ResourcesDep, SettingsDep, StorageDep, WorkspaceId
from app.images import service
from app.images.service import StoredImage
from app.problems import problems
from app.streaming import GeneratedResponse, attachment

router = APIRouter(prefix="/v1/images/{image_id}", tags=["images"])

IfNoneMatch = Annotated[str | None, Header(alias="If-None-Match", description="an `ETag` that the client has")]

_BINARY = {"schema": {"type": "string", "format": "binary"}}
_CACHED = {"description": "The client's copy, named in `If-None-Match`, is still right"}
_ORIGINAL: dict[int | str, dict[str, Any]] = {  # Any: OpenAPI JSON, FastAPI's type
    200: {"description": "The uploaded bytes, unchanged", "content": {"image/*": _BINARY}},
    304: _CACHED,
}
_THUMBNAIL: dict[int | str, dict[str, Any]] = {  # Any: OpenAPI JSON, FastAPI's type
    200: {"description": "A small JPEG", "content": {"image/jpeg": _BINARY}},
    304: _CACHED,
}


def get_stored_image(image_id: uuid.UUID, workspace_id: WorkspaceId, resources: ResourcesDep) -> StoredImage:
    """Its own short transaction, because a page shows a hundred thumbnails and decoding needs no connection."""
    with session_scope(resources.session_factory) as session:
        return service.get_image(session, workspace_id, image_id)


StoredImageDep = Annotated[StoredImage, Depends(get_stored_image)]


@router.get("", response_class=Response, responses={**_ORIGINAL, **problems(404)})
def download_image(image: StoredImageDep, storage: StorageDep, if_none_match: IfNoneMatch = None) -> Response:
    """Download an image exactly as it was uploaded, under its own name."""
    headers = _headers(image.sha256)
    if _has_copy(if_none_match, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    # An upload may be a web page in disguise: it is only ever saved, never opened in our name.
    headers["Content-Disposition"] = attachment(image.filename)
    headers["Content-Length"] = str(image.n_bytes)
    return GeneratedResponse(service.stream_image(storage, image), media_type=image.media_type, headers=headers)


@router.get("/thumbnail", response_class=Response, responses={**_THUMBNAIL, **problems(404, 413, 415)})
def get_thumbnail(
    image: StoredImageDep, storage: StorageDep, settings: SettingsDep, if_none_match: IfNoneMatch = None
) -> Response:
    """Show a small JPEG of an image: its first frame, upright."""
    headers = _headers(f"{image.sha256}-{settings.thumbnail_px}")
    if _has_copy(if_none_match, headers["ETag"]):
        return Response(status_code=304, headers=headers)
    jpeg = service.thumbnail(storage, image, longest_px=settings.thumbnail_px, max_pixels=settings.max_image_pixels)
    return Response(jpeg, media_type="image/jpeg", headers=headers)


def _headers(version: str) -> dict[str, str]:
    return {
        "ETag": f'"{version}"',
        "Cache-Control": "private, max-age=31536000, immutable",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'; sandbox",
    }


def _has_copy(if_none_match: str | None, etag: str) -> bool:
    known = [tag.strip().removeprefix("W/") for tag in (if_none_match or "").split(",")]
    return etag in known or "*" in known
