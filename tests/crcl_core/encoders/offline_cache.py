"""The `offline` encoder for tests: exported once a session, however many conftest files import the fixtures."""

from functools import cache
from pathlib import Path

import pytest

from crcl_core.encoders.offline import OfflineEncoder, load_offline_encoder


@cache
def _loaded(folder: Path) -> OfflineEncoder:
    return load_offline_encoder("offline", cache_dir=folder, threads=2)


@pytest.fixture(scope="session")
def offline_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cache folder that holds the exported networks, so that a load takes half a second."""
    # Not a numbered folder: a second conftest that imports this fixture must find the first one's export.
    folder = tmp_path_factory.getbasetemp() / "offline-encoder-cache"
    _loaded(folder)
    return folder


@pytest.fixture(scope="session")
def offline_encoder(offline_cache: Path) -> OfflineEncoder:
    """The loaded encoder; it holds no state that a test could change."""
    return _loaded(offline_cache)
