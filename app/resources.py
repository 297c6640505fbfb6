"""What one API process holds open: made by the lifespan, found on `app.state.resources`."""

from contextlib import AsyncExitStack
from dataclasses import dataclass

from fastapi import FastAPI
from sqlalchemy import Engine
from sqlalchemy.orm import Session, sessionmaker
from starlette.requests import HTTPConnection

from app.core.queue import WakeUps
from app.core.settings import Settings
from app.core.storage import Storage
from app.core.sweeping import Sweeper
from app.health.service import Readiness
from app.uploads.shared import SharedUploads


@dataclass(frozen=True)
class Resources:
    """Open connections and threads of this process.

    `closing` is for what a feature opens lazily: what is pushed there is closed at shutdown, the newest first, before
    the engine is disposed of.
    """

    settings: Settings
    engine: Engine
    session_factory: sessionmaker[Session]
    storage: Storage
    wake_ups: WakeUps
    sweeper: Sweeper
    readiness: Readiness
    uploads: SharedUploads
    closing: AsyncExitStack


def resources_of(source: FastAPI | HTTPConnection) -> Resources:
    """The resources of a running application, or of the application that serves a request."""
    app: FastAPI = source if isinstance(source, FastAPI) else source.app
    resources: Resources = app.state.resources
    return resources
