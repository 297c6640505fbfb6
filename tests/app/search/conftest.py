from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from app.auth.service import KeyContext
from app.core.models import Run
from app.core.storage import Storage
from tests.app.runs.rows import StoredCorpus, add_published_run, store_corpus
from tests.app.search.artefacts import store_artefacts, toy_fingerprint
from tests.app.search.colours import CAPTIONS, CORRESPONDENCE

Committed = Callable[[], AbstractContextManager[Session]]


@pytest.fixture
def stored(committed: Committed, context: KeyContext, storage: Storage) -> StoredCorpus:
    with committed() as session:
        return store_corpus(session, context.workspace_id, storage, CAPTIONS)


@pytest.fixture
def run(committed: Committed, storage: Storage, stored: StoredCorpus, tmp_path: Path) -> Run:
    with committed() as session:
        run = add_published_run(session, stored, CORRESPONDENCE, fingerprint=toy_fingerprint(tmp_path))
    store_artefacts(storage, run, stored, CORRESPONDENCE, tmp_path / "artefacts")
    return run
