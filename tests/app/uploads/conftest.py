"""A service for clients that nobody here wrote."""

from collections.abc import Iterator

import pytest

from app.core.embedded import EmbeddedServers
from tests.app.live_service import ApiProcess, deployed
from tests.app.uploads.foreign import Foreign, running_foreign


@pytest.fixture(scope="session")
def foreign(
    servers: EmbeddedServers, template_database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Foreign]:
    folder = tmp_path_factory.mktemp("foreign")
    with deployed(servers, template_database, folder, "mispair_foreign") as deployment:
        yield from running_foreign(ApiProcess(deployment), deployment.key)
