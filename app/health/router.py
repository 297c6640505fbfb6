"""Whether the process lives, and whether it can serve."""

from typing import Literal

from fastapi import APIRouter

from app.schemas import WireModel

router = APIRouter(tags=["health"])


class LivenessView(WireModel):
    """The process answers."""

    status: Literal["alive"] = "alive"


@router.get("/livez")
async def get_liveness() -> LivenessView:
    """Whether this process answers at all; asks nothing else."""
    return LivenessView()
