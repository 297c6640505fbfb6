"""Whether the process lives, and whether it can serve. Both need no key."""

from typing import Any

from fastapi import APIRouter, Response

from app.dependencies import ResourcesDep
from app.health.schemas import LivenessView, ReadinessView, ServiceStatus

router = APIRouter(tags=["health"])

_UNAVAILABLE: dict[int | str, dict[str, Any]] = {  # Any: FastAPI's type
    503: {"model": ReadinessView, "description": "database, storage or migrations fail"}
}


@router.get("/livez")
async def get_liveness() -> LivenessView:
    """Whether this process answers at all; asks nothing else."""
    return LivenessView()


@router.get("/readyz", responses=_UNAVAILABLE)
async def get_readiness(resources: ResourcesDep, response: Response) -> ReadinessView:
    """How the service and its components stand. Without broker or workers it is degraded, and still 200."""
    readiness = await resources.readiness.ask()
    if readiness.status is ServiceStatus.UNAVAILABLE:
        response.status_code = 503
        response.headers["Retry-After"] = "5"
    return readiness
