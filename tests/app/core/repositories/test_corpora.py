import uuid
from typing import Any

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.core.models import (
    Base,
    Corpus,
    CorpusState,
    Image,
    Job,
    JobKind,
    JobState,
    Pair,
    Rejection,
    ReportRow,
    Run,
    WorkerHeartbeat,
    Workspace,
)
from app.core.repositories import corpora
from app.core.repositories.jobs import add_job
from tests.factories import add_corpus, add_version, add_workspace


@pytest.fixture
def corpus(session: Session) -> Corpus:
    """A corpus of one pair and one rejected row, with an import and a run that have ended."""
    corpus = add_corpus(session, add_workspace(session).id, CorpusState.READY)
    owner: Any = {"workspace_id": corpus.workspace_id}  # Any: keywords of several calls
    version = add_version(session, corpus, n_accepted=1, n_rejected=1)
    add_job(session, **owner, kind=JobKind.IMPORT, subject_id=corpus.id).state = JobState.DONE
    run_id = uuid.uuid4()
    job = add_job(session, **owner, kind=JobKind.RUN, subject_id=run_id)
    job.state = JobState.DONE
    image = Image(
        **owner,
        corpus_version_id=version.id,
        ordinal=0,
        sha256=b"0",
        shard_key="k",
        shard_offset=0,
        n_bytes=1,
        width_px=1,
        height_px=1,
        media_type="image/png",
        n_frames=1,
        source_path="a.png",
    )
    session.add(image)
    session.flush()
    pair = Pair(
        **owner,
        corpus_version_id=version.id,
        ordinal=0,
        pair_key="a",
        image_id=image.id,
        caption_ordinal=0,
        caption="a bird",
        source_path="a.png",
        row_number=1,
    )
    run = Run(**owner, id=run_id, corpus_id=corpus.id, corpus_version_id=version.id, job_id=job.id, config={})
    rejection = Rejection(**owner, corpus_version_id=version.id, code="not_an_image", detail="is text")
    session.add_all([pair, run, rejection])
    session.flush()
    row = ReportRow(**owner, run_id=run.id, pair_id=pair.id, rank=1, correspondence=0.5, correspondence_label=0.5)
    session.add(row)
    session.flush()
    return corpus


class TestDeleteCorpus:
    def test_no_row_of_it_stays(self, session: Session, corpus: Corpus) -> None:
        corpora.delete_corpus(session, corpus.id)
        kept = {Workspace.__tablename__, WorkerHeartbeat.__tablename__}
        counts = {
            name: session.execute(select(func.count()).select_from(table)).scalar_one()
            for name, table in Base.metadata.tables.items()
            if name not in kept
        }
        assert {name for name, count in counts.items() if count > 0} == set()

    def test_it_names_every_prefix_of_its_files(self, session: Session, corpus: Corpus) -> None:
        version = corpora.latest_versions(session, [corpus.id])[corpus.id]
        run_id = session.execute(select(Run.id)).scalar_one()
        assert set(corpora.delete_corpus(session, corpus.id)) == {
            f"corpora/{corpus.id}", f"versions/{version.id}", f"features/{version.id}", f"runs/{run_id}"
        }  # fmt: skip

    def test_another_corpus_stays(self, session: Session, corpus: Corpus) -> None:
        other = add_corpus(session, corpus.workspace_id)
        add_job(session, workspace_id=corpus.workspace_id, kind=JobKind.IMPORT, subject_id=other.id)
        corpora.delete_corpus(session, corpus.id)
        assert session.execute(select(Corpus.id)).scalar_one() == other.id
        assert session.execute(select(Job.subject_id)).scalar_one() == other.id


class TestHasOpenJob:
    def test_ended_jobs_are_not_open(self, session: Session, corpus: Corpus) -> None:
        assert not corpora.has_open_job(session, corpus.id)

    @pytest.mark.parametrize("kind", [JobKind.IMPORT, JobKind.RUN])
    @pytest.mark.parametrize("state", [JobState.QUEUED, JobState.RUNNING, JobState.CANCELLING])
    def test_an_import_or_a_run_that_has_not_ended_is(
        self, session: Session, corpus: Corpus, kind: JobKind, state: JobState
    ) -> None:
        session.execute(select(Job).where(Job.kind == kind)).scalar_one().state = state
        session.flush()
        assert corpora.has_open_job(session, corpus.id)

    def test_another_corpuss_is_not(self, session: Session, corpus: Corpus) -> None:
        other = add_corpus(session, corpus.workspace_id)
        add_job(session, workspace_id=corpus.workspace_id, kind=JobKind.IMPORT, subject_id=other.id)
        assert not corpora.has_open_job(session, corpus.id)


class TestLatest:
    def test_the_newest_version_of_each_corpus_is_given(self, session: Session, corpus: Corpus) -> None:
        newest = add_version(session, corpus, number=2)
        empty = add_corpus(session, corpus.workspace_id)
        assert corpora.latest_versions(session, [corpus.id, empty.id]) == {corpus.id: newest}

    def test_the_newest_import_of_each_corpus_is_given(self, session: Session, corpus: Corpus) -> None:
        newest = add_job(session, workspace_id=corpus.workspace_id, kind=JobKind.IMPORT, subject_id=corpus.id)
        assert corpora.latest_import_jobs(session, [corpus.id]) == {corpus.id: newest}

    def test_of_no_corpora_there_is_nothing(self, session: Session) -> None:
        assert corpora.latest_versions(session, []) == {}


class TestFindCorpus:
    def test_another_workspaces_is_not_found(self, session: Session, corpus: Corpus) -> None:
        assert corpora.find_corpus(session, corpus.workspace_id, corpus.id) is corpus
        assert corpora.find_corpus(session, add_workspace(session).id, corpus.id) is None
        assert corpora.lock_corpus(session, add_workspace(session).id, corpus.id) is None
