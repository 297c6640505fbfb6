"""HTTP of searching a run."""

import uuid
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request

from app.cut import CutDep
from app.dependencies import ResourcesDep, WorkspaceId
from app.problems import problems
from app.search import service
from app.search.engine import SearchEngine
from app.search.reading import ReadSearch, read_search
from app.search.schemas import PairNeighbours, SearchAnswer, SearchRequest
from app.search.service import SearchTools

router = APIRouter(prefix="/v1/runs/{run_id}", tags=["search"])

_MAX_NEIGHBOURS = 50

_REQUEST_SCHEMA = SearchRequest.model_json_schema(ref_template="#/components/schemas/{model}")
_REQUEST_SCHEMA.pop("$defs")  # the answer's schema brings the same types into the document

_BODY: dict[str, Any] = {  # Any: OpenAPI JSON
    "requestBody": {
        "required": True,
        "description": "JSON, or the bytes of an image with everything else in the query string",
        "content": {
            "application/json": {"schema": _REQUEST_SCHEMA},
            "image/*": {"schema": {"type": "string", "format": "binary"}},
        },
    }
}


async def get_search_tools(request: Request, resources: ResourcesDep) -> SearchTools:
    """The one engine of this process. Async, so that two first requests cannot both make it."""
    settings = resources.settings
    engine: SearchEngine | None = getattr(request.app.state, "search_engine", None)
    if engine is None:
        engine = request.app.state.search_engine = SearchEngine(
            storage=resources.storage,
            encoders=settings.encoders,
            cache_dir=settings.data.resolve() / "cache",  # the workers of this machine share what it holds
            device=settings.device,
            threads=settings.threads,
            n_runs_held=settings.search_indexes_held,
        )
        resources.closing.callback(delattr, request.app.state, "search_engine")
    return SearchTools(resources.session_factory, resources.storage, engine, settings.max_image_pixels)


@router.post("/search", responses=problems(404, 409, 415), openapi_extra=_BODY)
def search_run(
    run_id: uuid.UUID,
    workspace_id: WorkspaceId,
    asked: Annotated[ReadSearch, Depends(read_search)],
    tools: Annotated[SearchTools, Depends(get_search_tools)],
) -> SearchAnswer:
    """Find the images or captions of a corpus nearest to words or to an image, with the model that the run trained.

    409 `report_not_ready` before the run is done, `modality_unsupported` where its encoder cannot embed such a query,
    `not_calibrated` where an `fdr` is asked of a run that cannot keep one; 422 `no_known_word` where its model reads
    words and knows none of the query's, `threshold_and_fdr` where both are given.
    """
    return service.search_run(tools, workspace_id, run_id, asked)


@router.get("/pairs/{pair_id}/neighbours", responses=problems(404, 409))
def list_neighbours(
    run_id: uuid.UUID,
    pair_id: uuid.UUID,
    workspace_id: WorkspaceId,
    tools: Annotated[SearchTools, Depends(get_search_tools)],
    cut: CutDep,
    k: Annotated[int, Query(ge=1, le=_MAX_NEIGHBOURS, description="at most so many of each kind")] = 8,
) -> PairNeighbours:
    """Show the images and captions nearest to a pair's image, and those nearest to its caption.

    Like a search, it reads the run's index; the first one in a process takes seconds.
    """
    return service.pair_neighbours(tools, workspace_id, run_id, pair_id, k=k, cut=cut)
