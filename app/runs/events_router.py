"""HTTP of job events: a JSON page, or a stream of server-sent events."""

import uuid
from collections.abc import AsyncGenerator
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Request, Response
from fastapi.sse import format_sse_event

from app.core.repositories import runs
from app.dependencies import Page, PageQuery, ResourcesDep, SessionDep, ValidCorpus, WorkspaceId
from app.pagination import view_page
from app.problems import problems
from app.runs import service
from app.runs.event_feed import EventFeed
from app.runs.schemas import JobEventView
from app.schemas import PagedView
from app.streaming import GeneratedResponse

router = APIRouter(prefix="/v1", tags=["events"])

_EVENT_STREAM = "text/event-stream"
_HEARTBEAT_S = 15.0  # below the idle limit of common proxies
_MAX_SEQ = 2**31 - 1

LastEventId = Annotated[
    int | None,
    Header(alias="Last-Event-ID", ge=0, le=_MAX_SEQ, description="stream only: the last `id` that was received"),
]

_EITHER: dict[int | str, dict[str, Any]] = {  # Any: OpenAPI JSON, FastAPI's type
    200: {
        "description": "A page; or, with `Accept: text/event-stream`, the events as they happen, until the job ends",
        "content": {_EVENT_STREAM: {"schema": {"type": "string"}}},
    },
    204: {"description": "Stream only: the job has ended and `Last-Event-ID` is its last event; do not ask again"},
}


async def get_event_feed(request: Request, resources: ResourcesDep) -> EventFeed:
    """The one feed of this process. Async, so that two first requests cannot both make it."""
    feed: EventFeed | None = getattr(request.app.state, "event_feed", None)
    if feed is None:
        feed = request.app.state.event_feed = EventFeed(resources.session_factory)
        resources.closing.callback(delattr, request.app.state, "event_feed")
        resources.closing.push_async_callback(feed.stop)
    return feed


EventFeedDep = Annotated[EventFeed, Depends(get_event_feed)]


@router.get("/runs/{run_id}/events", response_model=PagedView[JobEventView], responses={**_EITHER, **problems(404)})
def list_run_events(
    run_id: uuid.UUID,
    request: Request,
    session: SessionDep,
    workspace_id: WorkspaceId,
    feed: EventFeedDep,
    page: Page,
    last_event_id: LastEventId = None,
) -> Response | PagedView[JobEventView]:
    """Tell what happened to a run, oldest first: a page of JSON, or a stream that continues until the run ends."""
    job_id = service.job_of_run(session, workspace_id, run_id)
    return _page_or_stream(request, session, feed, page, job_id, last_event_id)


@router.get(
    "/corpora/{corpus_id}/events",
    response_model=PagedView[JobEventView],
    responses={**_EITHER, **problems(404, 409)},
)
def list_corpus_events(
    corpus: ValidCorpus,
    request: Request,
    session: SessionDep,
    feed: EventFeedDep,
    page: Page,
    last_event_id: LastEventId = None,
) -> Response | PagedView[JobEventView]:
    """Tell what happened to the import of a corpus, oldest first; 409 `no_import` before its archive is there."""
    job_id = service.import_job(session, corpus.id)
    return _page_or_stream(request, session, feed, page, job_id, last_event_id)


def _page_or_stream(
    request: Request,
    session: SessionDep,
    feed: EventFeed,
    page: PageQuery,
    job_id: uuid.UUID,
    last_event_id: int | None,
) -> Response | PagedView[JobEventView]:
    if _EVENT_STREAM not in request.headers.get("accept", "").lower():
        after = min(page.after(int) or 0, _MAX_SEQ)
        found = runs.list_events(session, job_id, after=after, limit=page.limit + 1)
        return view_page(found, page, key=lambda event: event.seq, view=JobEventView.model_validate)
    after = last_event_id or 0
    # A browser opens an ended stream again and again, until it is told that there is no more content.
    if after and service.has_ended_at(session, job_id, after):
        return Response(status_code=204)
    return GeneratedResponse(_sse(feed, job_id, after), media_type=_EVENT_STREAM, headers={"X-Accel-Buffering": "no"})


async def _sse(feed: EventFeed, job_id: uuid.UUID, after: int) -> AsyncGenerator[bytes, None]:
    events = feed.follow(job_id, after=after, heartbeat_s=_HEARTBEAT_S)
    try:
        async for event in events:
            if event is None:
                yield b": heartbeat\n\n"
                continue
            data = JobEventView.model_validate(event).model_dump_json()
            yield format_sse_event(id=str(event.seq), event=event.kind, data_str=data)
    finally:
        await events.aclose()
