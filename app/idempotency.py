"""The Idempotency-Key header: a request that is sent again gets the same object, not another one."""

import hashlib
import http
import json
from collections.abc import Callable, Collection
from typing import Annotated, TypeVar

from fastapi import Depends, Header, Request
from pydantic import BaseModel
from sqlalchemy.orm import Session

from app.auth.service import KeyContext
from app.core.errors import InvalidPayloadError
from app.core.repositories import idempotency
from app.dependencies import CurrentKey, SessionDep

ViewT = TypeVar("ViewT", bound=BaseModel)

IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        pattern=r"^[\x21-\x7e]+$",
        description="any word of the client's own; the same word with the same body gives the same object",
    ),
]


class Once:
    """Answers a request whose Idempotency-Key was seen before as it was answered then."""

    def __init__(self, session: Session, context: KeyContext, request: Request, key: str | None) -> None:
        self._session = session
        self._context = context
        query = f"?{request.url.query}" if request.url.query else ""
        self._operation = f"{request.method} {request.url.path}{query}"
        self._status: int = request.scope["route"].status_code or http.HTTPStatus.OK
        self._key = key

    def answer(
        self,
        body: BaseModel | None,
        view: type[ViewT],
        create: Callable[[], ViewT],
        *,
        unstored: Collection[str] = (),
    ) -> ViewT:
        """Call `create`, or give the answer that the same request got before.

        Args:
            body: the payload, as validated: spelling and left-out defaults make no difference.
            view: the class of the answer.
            create: makes the object, in this request's transaction.
            unstored: fields of the answer that are not kept, such as secrets; a second answer lacks them.

        Raises:
            InvalidPayloadError: the key came with another payload, or to another operation, before.
        """
        if self._key is None:
            return create()
        request_hash = self._hash(body)
        workspace_id = self._context.workspace_id
        before = idempotency.claim_key(
            self._session, workspace_id=workspace_id, key=self._key, request_hash=request_hash
        )
        if before is None:
            made = create()
            stored = made.model_dump(mode="json", exclude=set(unstored))
            idempotency.record_answer(
                self._session, workspace_id=workspace_id, key=self._key, status=self._status, body=stored
            )
            return made
        if before.request_hash != request_hash:
            raise InvalidPayloadError(
                f"Idempotency-Key: {self._key!r} was sent before with another payload; use a new one",
                code="idempotency_key_reused",
            )
        return view.model_validate(before.body)

    def _hash(self, body: BaseModel | None) -> bytes:
        payload = None if body is None else body.model_dump(mode="json")
        return hashlib.sha256(json.dumps([self._operation, payload], sort_keys=True).encode()).digest()


def get_once(request: Request, session: SessionDep, context: CurrentKey, key: IdempotencyKey = None) -> Once:
    return Once(session, context, request, key)


OnceDep = Annotated[Once, Depends(get_once)]
