import pytest
from sqlalchemy import select

from app.auth.service import KeyContext
from app.core.models import ReportRow, Run
from app.core.run_config import RunConfig
from app.core.storage import Storage
from tests.app.reports.entries import FOUND
from tests.app.reports.published import CAPTIONS, CORRESPONDENCE, SURE, Committed
from tests.app.runs.rows import CALIBRATED, StoredCorpus, add_published_run, store_corpus


@pytest.fixture
def stored(committed: Committed, context: KeyContext, storage: Storage) -> StoredCorpus:
    with committed() as session:
        return store_corpus(session, context.workspace_id, storage, CAPTIONS)


@pytest.fixture
def run(committed: Committed, stored: StoredCorpus) -> Run:
    with committed() as session:
        return add_published_run(session, stored, CORRESPONDENCE)


@pytest.fixture
def calibrated(committed: Committed, stored: StoredCorpus) -> Run:
    with committed() as session:
        return add_published_run(session, stored, SURE, config=RunConfig(encoder="toy"), summary=CALIBRATED)


@pytest.fixture
def explained(committed: Committed, stored: StoredCorpus) -> Run:
    """A run that gave pair 0 a better caption, and found pairs 3 and 5 uncertain."""
    with committed() as session:
        run = add_published_run(session, stored, CORRESPONDENCE)
        rows = {row.pair_id: row for row in session.execute(select(ReportRow)).scalars() if row.run_id == run.id}
        for name, value in (FOUND | {"repair_image_id": stored.images[2].id}).items():
            setattr(rows[stored.pairs[0].id], name, value)
        for pair in (3, 5):
            rows[stored.pairs[pair].id].reason_code = "uncertain"
        return run
