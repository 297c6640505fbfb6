"""The application: lifespan, middleware, routers, exception handlers."""

import importlib.metadata
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager

from fastapi import FastAPI

from app.auth.router import router as auth_router
from app.body_limits import BodyLimits
from app.certificates.router import router as certificates_router
from app.checks.router import router as checks_router
from app.core.database import make_engine, make_session_factory
from app.core.queue import WakeUps
from app.core.settings import Settings, get_settings
from app.core.storage import open_storage
from app.core.sweeping import Sweeper
from app.corpora.router import router as corpora_router
from app.health.probes import Probes
from app.health.router import router as health_router
from app.health.service import PROBE_TIMEOUT_S, make_readiness
from app.images.router import router as images_router
from app.openapi import install_openapi, operation_id
from app.problems import install_problem_handlers
from app.repairs.router import router as repairs_router
from app.reports.router import router as reports_router
from app.request_context import RequestContext
from app.resources import Resources
from app.runs.events_router import router as events_router
from app.runs.router import router as runs_router
from app.search.router import router as search_router
from app.uploads.collecting import UploadCollector
from app.uploads.router import router as uploads_router
from app.uploads.shared import SharedUploads
from app.uploads.tus_protocol import TusProtocol

ROUTERS = (
    health_router,
    auth_router,
    corpora_router,
    uploads_router,
    checks_router,
    runs_router,
    events_router,
    reports_router,
    repairs_router,
    certificates_router,
    images_router,
    search_router,
)


def create_app(settings: Settings | None = None) -> FastAPI:
    """Build the service. Nothing is opened before its lifespan starts.

    Args:
        settings: left out: read from the environment.
    """
    settings = settings or get_settings()
    app = FastAPI(
        title="Mispair",
        summary="Finds the mismatched pairs in an image-caption corpus.",
        version=importlib.metadata.version("mispair"),
        lifespan=_lifespan_of(settings),
        # The pages that FastAPI offers load their scripts from another host, which our security headers refuse.
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=operation_id,
    )
    for router in ROUTERS:
        app.include_router(router)
    install_problem_handlers(app)
    install_openapi(app)
    # The last one added is the outermost.
    app.add_middleware(BodyLimits, settings=settings)
    app.add_middleware(TusProtocol)
    app.add_middleware(RequestContext, allowed_hosts=settings.allowed_hosts)
    return app


def _lifespan_of(settings: Settings) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            engine = make_engine(settings.database_url, application_name="mispair-api")
            stack.callback(engine.dispose)
            session_factory = make_session_factory(engine)
            wake_ups = WakeUps(settings.broker_url)
            stack.callback(wake_ups.close)
            sweeper = Sweeper(session_factory, wake_ups, period_s=settings.sweep_s, resend_s=settings.lease_s)
            stack.callback(sweeper.stop)
            storage = open_storage(settings.storage_url, settings.data / "objects")
            readiness = make_readiness(Probes(settings, storage, timeout_s=PROBE_TIMEOUT_S))
            stack.callback(readiness.close)
            resources = app.state.resources = Resources(
                settings=settings,
                engine=engine,
                session_factory=session_factory,
                storage=storage,
                wake_ups=wake_ups,
                sweeper=sweeper,
                readiness=readiness,
                uploads=SharedUploads(),
                closing=await stack.enter_async_context(AsyncExitStack()),
            )
            sweeper.add_chore(UploadCollector(resources).collect)
            sweeper.start()
            yield

    return lifespan
