"""What endpoints ask for, as annotated aliases."""

import uuid
from collections.abc import Iterator
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy.orm import Session

from app.after_commit import AfterCommit
from app.auth.service import KeyContext, authenticate_key, authenticate_session
from app.core.database import session_scope
from app.core.errors import ForbiddenError, NotFoundError, UnauthorizedError
from app.core.models import Corpus
from app.core.repositories.corpora import find_corpus
from app.core.settings import Settings
from app.core.storage import Storage
from app.pagination import Page, PageQuery
from app.resources import Resources, resources_of

__all__ = [
    "AfterCommitDep",
    "BearerKey",
    "CurrentKey",
    "Page",
    "PageQuery",
    "ResourcesDep",
    "SessionDep",
    "SettingsDep",
    "StorageDep",
    "ValidCorpus",
    "WakeUpsDep",
    "WorkspaceId",
]

SESSION_COOKIE = "mispair_session"
CSRF_HEADER = "X-Mispair"
_SAFE_METHODS = frozenset({"GET", "HEAD"})

_bearer = HTTPBearer(
    scheme_name="key", bearerFormat="mispair_<id>_<secret>", description="An API key.", auto_error=False
)
_cookie = APIKeyCookie(
    name=SESSION_COOKIE,
    scheme_name="session",
    description="A browser session; methods other than GET also need the header `X-Mispair: 1`.",
    auto_error=False,
)


def get_resources(request: Request) -> Resources:
    return resources_of(request)


ResourcesDep = Annotated[Resources, Depends(get_resources)]


def get_settings_of_app(resources: ResourcesDep) -> Settings:
    return resources.settings


def get_storage(resources: ResourcesDep) -> Storage:
    return resources.storage


def get_after_commit(resources: ResourcesDep) -> AfterCommit:
    return AfterCommit(resources.wake_ups)


SettingsDep = Annotated[Settings, Depends(get_settings_of_app)]
StorageDep = Annotated[Storage, Depends(get_storage)]
AfterCommitDep = Annotated[AfterCommit, Depends(get_after_commit)]
WakeUpsDep = AfterCommitDep  # `.wake(kind, job_id)`: sent once the session of this request has committed


def get_session(resources: ResourcesDep, after_commit: AfterCommitDep) -> Iterator[Session]:
    """One request, one transaction: committed before the answer is sent, rolled back on any error."""
    with session_scope(resources.session_factory) as session:
        yield session
    after_commit.run()


# Function scope: with FastAPI's default the commit would come after the answer, and could fail unnoticed.
SessionDep = Annotated[Session, Depends(get_session, scope="function")]


def get_bearer_key(
    resources: ResourcesDep, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> KeyContext:
    """The key in the Authorization header; a cookie does not do."""
    if credentials is None:
        raise _no_key()
    with session_scope(resources.session_factory) as session:
        return authenticate_key(session, credentials.credentials)


def get_current_key(
    request: Request,
    resources: ResourcesDep,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
    token: Annotated[str | None, Depends(_cookie)],
) -> KeyContext:
    """Who asks, by key or by browser session.

    It has a short transaction of its own, so that a request that streams for an hour holds no connection meanwhile,
    and a request that fails still leaves its mark on the key.
    """
    if "authorization" in request.headers or token is None:
        return get_bearer_key(resources, credentials)
    # Another site can make a browser send the cookie, but cannot make it add a header.
    if request.method not in _SAFE_METHODS and request.headers.get(CSRF_HEADER) != "1":
        raise ForbiddenError(f"{request.method} with a browser session also needs the header {CSRF_HEADER}: 1")
    with session_scope(resources.session_factory) as session:
        return authenticate_session(session, token)


BearerKey = Annotated[KeyContext, Depends(get_bearer_key)]
CurrentKey = Annotated[KeyContext, Depends(get_current_key)]


def get_workspace_id(key: CurrentKey) -> uuid.UUID:
    return key.workspace_id


WorkspaceId = Annotated[uuid.UUID, Depends(get_workspace_id)]


def get_valid_corpus(corpus_id: uuid.UUID, workspace_id: WorkspaceId, session: SessionDep) -> Corpus:
    """The corpus that the path names; another workspace's is as unknown as none."""
    corpus = find_corpus(session, workspace_id, corpus_id)
    if corpus is None:
        raise NotFoundError(f"corpus {corpus_id} does not exist")
    return corpus


ValidCorpus = Annotated[Corpus, Depends(get_valid_corpus)]


def _no_key() -> UnauthorizedError:
    return UnauthorizedError(
        "Authorization: no key; send `Authorization: Bearer mispair_<id>_<secret>`",
        headers={"WWW-Authenticate": "Bearer"},
    )
