import asyncio
import tracemalloc
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.pool import QueuePool
from starlette.types import Message

from app.auth.service import KeyContext
from app.core.models import Run
from app.core.repositories.reports import ReportFilter, ReportScope
from app.core.storage import Storage
from app.reports import downloads
from app.reports.downloads import ReportFormat, report_encoder, stream_report
from app.streaming import GeneratedResponse
from tests.app.runs.rows import add_published_run, store_corpus

Committed = Callable[[], AbstractContextManager[Session]]

N_PAIRS = 3000
ALL = ReportFilter(0.5)
CSV = report_encoder(ReportFormat.CSV, raw=False)


@pytest.fixture
def scope(committed: Committed, context: KeyContext, storage: Storage) -> ReportScope:
    """A run whose report is far larger than a batch."""
    with committed() as session:
        captions = [f"{number:05d} " + "caption " * 90 for number in range(N_PAIRS)]
        stored = store_corpus(session, context.workspace_id, storage, [captions])
        run: Run = add_published_run(session, stored, [number / N_PAIRS for number in range(N_PAIRS)])
        return ReportScope(context.workspace_id, run.id)


def _n_connections_in_use(engine: Engine) -> int:
    assert isinstance(engine.pool, QueuePool)
    return engine.pool.checkedout()


def _n_open_transactions(engine: Engine) -> int:
    with engine.connect() as connection:
        n_open: int = connection.execute(
            text("SELECT count(*) FROM pg_stat_activity WHERE state LIKE 'idle in transaction%'")
        ).scalar_one()
        return n_open


class TestStreamReport:
    @pytest.mark.parametrize("report_format", list(ReportFormat))
    def test_a_reader_that_stops_early_gives_the_connection_back(
        self, engine: Engine, session_factory: sessionmaker[Session], scope: ReportScope, report_format: ReportFormat
    ) -> None:
        pieces = stream_report(session_factory, scope, ALL, report_encoder(report_format, raw=False))
        next(pieces)
        assert report_format is ReportFormat.CSV or _n_connections_in_use(engine) == 1
        pieces.close()
        assert (_n_connections_in_use(engine), _n_open_transactions(engine)) == (0, 0)

    def test_nothing_is_opened_before_the_first_byte_is_asked_for(
        self, engine: Engine, session_factory: sessionmaker[Session], scope: ReportScope
    ) -> None:
        pieces = stream_report(session_factory, scope, ALL, CSV)
        assert _n_connections_in_use(engine) == 0
        pieces.close()

    def test_memory_stays_far_below_the_report(
        self, session_factory: sessionmaker[Session], scope: ReportScope, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(downloads, "_BATCH_ROWS", 100)
        list(stream_report(session_factory, scope, ALL, CSV))  # what is cached once is not the report's
        tracemalloc.start()
        try:
            n_bytes = sum(len(piece) for piece in stream_report(session_factory, scope, ALL, CSV))
            _, peak_bytes = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert n_bytes > 2_000_000
        assert peak_bytes < n_bytes / 3

    def test_a_client_that_vanishes_closes_the_cursor(
        self, engine: Engine, session_factory: sessionmaker[Session], scope: ReportScope
    ) -> None:
        response = GeneratedResponse(stream_report(session_factory, scope, ALL, CSV), media_type="text/csv")

        async def run() -> None:
            gone, n_pieces = asyncio.Event(), 0

            async def send(message: Message) -> None:
                nonlocal n_pieces
                n_pieces += bool(message.get("body"))
                if n_pieces == 3:
                    gone.set()
                    await asyncio.sleep(60)

            async def receive() -> Message:
                await gone.wait()
                return {"type": "http.disconnect"}

            await asyncio.wait_for(response({"type": "http", "asgi": {"spec_version": "2.3"}}, receive, send), 5)
            assert (_n_connections_in_use(engine), _n_open_transactions(engine)) == (0, 0)

        asyncio.run(run())
