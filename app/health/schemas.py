"""Wire types of health."""

from enum import StrEnum
from typing import Literal

from app.schemas import WireModel


class ServiceStatus(StrEnum):
    """Ready: all is well. Degraded: serves, but jobs may wait. Unavailable: cannot serve."""

    READY = "ready"
    DEGRADED = "degraded"
    UNAVAILABLE = "unavailable"


class ComponentStatus(StrEnum):
    OK = "ok"
    FAILING = "failing"


class ComponentView(WireModel):
    """One thing that the service depends on."""

    status: ComponentStatus
    detail: str


class LivenessView(WireModel):
    """The process answers."""

    status: Literal["alive"] = "alive"


class ReadinessView(WireModel):
    """The service and its components: database, storage, migrations, broker, workers."""

    status: ServiceStatus
    components: dict[str, ComponentView]
