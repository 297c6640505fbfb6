"""Readiness: what of the service works now, told quickly even when something hangs."""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import structlog

from app.health.probes import DegradedError, Probes
from app.health.schemas import ComponentStatus, ComponentView, ReadinessView, ServiceStatus

log = structlog.get_logger()

PROBE_TIMEOUT_S = 1.0
CACHED_S = 2.0
# Without these nothing can be served; without the others jobs only wait.
_ESSENTIAL = frozenset({"database", "storage", "migrations"})

Probe = Callable[[], str]


@dataclass
class _Component:
    probe: Probe
    pending: Future[str] | None = None


class Readiness:
    """Asks all components at once, in threads of its own, and remembers the answer for a moment.

    A probe that hangs keeps one thread: while it does, its component counts as away and is not asked again. So
    however often readiness is wanted, the event loop never waits and threads do not pile up.

    Args:
        probes: one a component, by the component's name.
        timeout_s: how long a probe may take before its component counts as away.
        cached_s: how long an answer stands.
    """

    def __init__(
        self, probes: dict[str, Probe], *, timeout_s: float = PROBE_TIMEOUT_S, cached_s: float = CACHED_S
    ) -> None:
        self._components = {name: _Component(probe) for name, probe in probes.items()}
        self._timeout_s = timeout_s
        self._cached_s = cached_s
        self._threads = ThreadPoolExecutor(max_workers=len(probes), thread_name_prefix="health")
        self._asking: asyncio.Task[ReadinessView] | None = None
        self._asked_at = 0.0

    async def ask(self) -> ReadinessView:
        """How things stand, not older than `cached_s`; requests at the same time share one round of questions."""
        is_old = time.monotonic() - self._asked_at > self._cached_s
        if self._asking is None or (self._asking.done() and is_old):
            self._asking = asyncio.create_task(self._ask_all())
            self._asked_at = time.monotonic()
        # A client that goes away must not end the question for the others.
        return await asyncio.shield(self._asking)

    def close(self) -> None:
        """Let go of the threads, without waiting for a probe that hangs."""
        if self._asking is not None:
            self._asking.cancel()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _ask_all(self) -> ReadinessView:
        views = await asyncio.gather(*(self._ask(name) for name in self._components))
        components = dict(zip(self._components, views, strict=True))
        return ReadinessView(status=_overall(components), components=components)

    async def _ask(self, name: str) -> ComponentView:
        component = self._components[name]
        if component.pending is None or component.pending.done():
            component.pending = self._threads.submit(component.probe)
        try:
            async with asyncio.timeout(self._timeout_s):
                detail = await asyncio.wrap_future(component.pending)
        except TimeoutError:
            return _failing(f"does not answer within {self._timeout_s:g} s")
        except DegradedError as error:
            return _failing(str(error))
        except Exception as error:  # noqa: BLE001 - whatever a probe raises means that its component is not well
            log.warning("health.probe_failed", component=name, error=str(error))
            return _failing("does not answer")
        return ComponentView(status=ComponentStatus.OK, detail=detail)


def make_readiness(probes: Probes) -> Readiness:
    """Readiness of the real components."""
    return Readiness(
        {
            "database": probes.database,
            "storage": probes.storage,
            "migrations": probes.migrations,
            "broker": probes.broker,
            "workers": probes.workers,
        }
    )


def _failing(detail: str) -> ComponentView:
    return ComponentView(status=ComponentStatus.FAILING, detail=detail)


def _overall(components: dict[str, ComponentView]) -> ServiceStatus:
    failing = {name for name, view in components.items() if view.status is ComponentStatus.FAILING}
    if failing & _ESSENTIAL:
        return ServiceStatus.UNAVAILABLE
    return ServiceStatus.DEGRADED if failing else ServiceStatus.READY
