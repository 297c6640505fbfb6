"""Keys and browser sessions."""

import uuid
from datetime import timedelta

from fastapi import APIRouter, Request, Response

from app.auth import service
from app.auth.schemas import CreatedKeyView, CreateKey, KeyView
from app.core.repositories import access
from app.dependencies import SESSION_COOKIE, BearerKey, Page, SessionDep, SettingsDep, WorkspaceId
from app.idempotency import OnceDep
from app.pagination import view_page
from app.problems import problems
from app.schemas import PagedView

router = APIRouter(prefix="/v1", tags=["access"])


@router.post("/keys", status_code=201)
def create_key(body: CreateKey, workspace_id: WorkspaceId, session: SessionDep, once: OnceDep) -> CreatedKeyView:
    """Make a key. Its secret is in this answer and nowhere else."""

    def create() -> CreatedKeyView:
        key, text = service.create_key(session, workspace_id, name=body.name, expires_at=body.expires_at)
        return CreatedKeyView(**KeyView.model_validate(key).model_dump(), key=text.reveal())

    return once.answer(body, CreatedKeyView, create, unstored={"key"})


@router.get("/keys")
def list_keys(workspace_id: WorkspaceId, page: Page, session: SessionDep) -> PagedView[KeyView]:
    """Keys of the workspace, the newest first, without their secrets."""
    rows = access.list_keys(session, workspace_id, after=page.after(uuid.UUID), limit=page.limit + 1)
    return view_page(rows, page, key=lambda key: key.id, view=KeyView.model_validate)


@router.delete("/keys/{key_id}", status_code=204, responses=problems(404))
def revoke_key(key_id: uuid.UUID, workspace_id: WorkspaceId, session: SessionDep) -> None:
    """Revoke a key; from the next request on it is refused."""
    service.revoke_key(session, workspace_id, key_id)


@router.post("/session", status_code=204)
def open_session(
    request: Request, response: Response, key: BearerKey, session: SessionDep, settings: SettingsDep
) -> None:
    """Trade the key in the Authorization header for a cookie that pages can use."""
    lifetime = timedelta(hours=settings.session_hours)
    response.set_cookie(
        SESSION_COOKIE,
        service.open_session(session, key, lifetime=lifetime),
        max_age=int(lifetime.total_seconds()),
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )


@router.delete("/session", status_code=204)
def close_session(request: Request, response: Response, _: WorkspaceId, session: SessionDep) -> None:
    """End the browser session that the cookie names, and drop the cookie."""
    token = request.cookies.get(SESSION_COOKIE)
    if token is not None:
        service.close_session(session, token)
    response.delete_cookie(SESSION_COOKIE, secure=request.url.scheme == "https", httponly=True, samesite="strict")
