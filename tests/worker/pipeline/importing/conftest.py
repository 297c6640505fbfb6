"""An import without a database: what it would write, and what it stored."""

import uuid
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import pytest

from app.core.models import CorpusFormat
from app.core.repositories.importing import ImportedVersion
from app.core.storage import LocalStorage
from tests.worker.archives import zip_file
from worker.pipeline.importing import ImportLimits, import_archive
from worker.sandbox.normalising import normalise_image

NORMALISE = partial(normalise_image, max_pixels=10_000)  # here and now; the worker does it in a sandbox
Import = Callable[..., ImportedVersion]  # files or a path, and limits that differ


@pytest.fixture
def limits() -> ImportLimits:
    """Limits that a small archive keeps."""
    return ImportLimits(
        max_archive_bytes=64 * 2**20,
        max_archive_members=100,
        max_member_bytes=2**20,
        max_manifest_bytes=2**20,
        max_caption_chars=200,
        shard_bytes=2**20,
    )


@pytest.fixture
def store(tmp_path: Path) -> LocalStorage:
    return LocalStorage(tmp_path / "storage")


@pytest.fixture
def run_import(tmp_path: Path, limits: ImportLimits, store: LocalStorage) -> Import:
    """`run_import(files)` zips the files and imports them; `run_import(path)` imports an archive."""

    def imported(
        source: Mapping[str, bytes] | Path,
        use_limits: ImportLimits = limits,
        wanted_format: CorpusFormat | None = None,
    ) -> ImportedVersion:
        path = source if isinstance(source, Path) else zip_file(tmp_path / "corpus.zip", source)
        return import_archive(
            path,
            store,
            uuid.uuid4(),
            use_limits,
            NORMALISE,
            scratch=tmp_path / "scratch",
            threads=2,
            on_progress=lambda _share: None,
            wanted_format=wanted_format,
        )

    return imported
