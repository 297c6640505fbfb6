"""SQL of corpora, their versions and their rejected rows."""

import uuid
from collections.abc import Collection, Generator, Sequence
from typing import NamedTuple

from sqlalchemy import CTE, delete, exists, func, or_, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.orm import Session, aliased

from app.core.models import Corpus, CorpusVersion, Job, JobKind, Pair, Rejection, ReportRow, Run
from app.core.models.states import TERMINAL_STATES

_MAX_INTEGER = 2**31 - 1  # of the column; a client's cursor may hold more


def find_corpus(session: Session, workspace_id: uuid.UUID, corpus_id: uuid.UUID) -> Corpus | None:
    """The workspace's corpus with that id."""
    return session.execute(
        select(Corpus).where(Corpus.workspace_id == workspace_id, Corpus.id == corpus_id)
    ).scalar_one_or_none()


def lock_corpus(
    session: Session, workspace_id: uuid.UUID, corpus_id: uuid.UUID, *, is_shared: bool = False
) -> Corpus | None:
    """`find_corpus`, read anew and locked until the transaction ends.

    Whoever adds something to a corpus takes the shared lock, whoever changes its state or deletes it the exclusive
    one, so that nothing is added to a corpus that goes away meanwhile.
    """
    return session.execute(
        select(Corpus)
        .where(Corpus.workspace_id == workspace_id, Corpus.id == corpus_id)
        .with_for_update(read=is_shared)
        .execution_options(populate_existing=True)
    ).scalar_one_or_none()


def list_corpora(session: Session, workspace_id: uuid.UUID, *, after: uuid.UUID | None, limit: int) -> list[Corpus]:
    """Corpora of a workspace, the newest first."""
    statement = select(Corpus).where(Corpus.workspace_id == workspace_id).order_by(Corpus.id.desc()).limit(limit)
    if after is not None:
        statement = statement.where(Corpus.id < after)
    return list(session.execute(statement).scalars())


def latest_versions(session: Session, corpus_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, CorpusVersion]:
    """The newest version of each corpus that has one, by corpus."""
    versions = session.execute(
        select(CorpusVersion)
        .where(CorpusVersion.corpus_id.in_(corpus_ids))
        .ext(distinct_on(CorpusVersion.corpus_id))
        .order_by(CorpusVersion.corpus_id, CorpusVersion.number.desc())
    ).scalars()
    return {version.corpus_id: version for version in versions}


def find_version(session: Session, corpus_id: uuid.UUID, number: int) -> CorpusVersion | None:
    """The version of a corpus with this number."""
    return session.execute(
        select(CorpusVersion).where(CorpusVersion.corpus_id == corpus_id, CorpusVersion.number == number)
    ).scalar_one_or_none()


def ancestors_of(version_id: uuid.UUID | None) -> CTE:
    """A version and all that it goes out from: `id`, and `number`, the larger the nearer."""
    begin = select(CorpusVersion.id, CorpusVersion.parent_id, CorpusVersion.number).where(
        CorpusVersion.id == version_id
    )
    found = begin.cte("ancestors", recursive=True)
    older = aliased(CorpusVersion)
    return found.union_all(select(older.id, older.parent_id, older.number).join(found, older.id == found.c.parent_id))


def n_pairs_of(session: Session, version_id: uuid.UUID, pair_ids: Collection[uuid.UUID]) -> int:
    """How many of these pairs the version has."""
    statement = select(func.count()).where(Pair.corpus_version_id == version_id, Pair.id.in_(pair_ids))
    return session.execute(statement).scalar_one()


def latest_import_jobs(session: Session, corpus_ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, Job]:
    """The newest import job of each corpus that has one, by corpus."""
    jobs = session.execute(
        select(Job)
        .where(Job.subject_id.in_(corpus_ids), Job.kind == JobKind.IMPORT)
        .ext(distinct_on(Job.subject_id))
        .order_by(Job.subject_id, Job.id.desc())
    ).scalars()
    return {job.subject_id: job for job in jobs}


def list_versions(session: Session, corpus_id: uuid.UUID, *, after: int | None, limit: int) -> list[CorpusVersion]:
    """Versions of a corpus, the newest first; `after` is a version's number."""
    statement = (
        select(CorpusVersion)
        .where(CorpusVersion.corpus_id == corpus_id)
        .order_by(CorpusVersion.number.desc())
        .limit(limit)
    )
    if after is not None:
        statement = statement.where(CorpusVersion.number < min(after, _MAX_INTEGER))
    return list(session.execute(statement).scalars())


def list_rejections(session: Session, version_id: uuid.UUID, *, after: int | None, limit: int) -> list[Rejection]:
    """Rejected rows of a version, in the order in which the import met them."""
    statement = select(Rejection).where(Rejection.corpus_version_id == version_id).order_by(Rejection.id).limit(limit)
    if after is not None:
        statement = statement.where(Rejection.id > after)
    return list(session.execute(statement).scalars())


class RejectionEntry(NamedTuple):
    """A rejected row as it is downloaded."""

    source_file: str | None
    row_number: int | None
    byte_offset: int | None
    source_path: str | None
    code: str
    detail: str


def stream_rejections(
    session: Session, version_id: uuid.UUID, *, batch_rows: int
) -> Generator[list[RejectionEntry], None, None]:
    """All of them, in batches from a server-side cursor. Close the generator before its session."""
    columns = [getattr(Rejection, name) for name in RejectionEntry._fields]
    statement = select(*columns).where(Rejection.corpus_version_id == version_id).order_by(Rejection.id)
    with session.execute(statement, execution_options={"yield_per": batch_rows}) as result:
        for rows in result.partitions():
            yield [RejectionEntry._make(row) for row in rows]


def has_open_job(session: Session, corpus_id: uuid.UUID) -> bool:
    """Whether an import or a run of the corpus has not ended."""
    is_its_run = Job.id.in_(select(Run.job_id).where(Run.corpus_id == corpus_id))
    is_open = Job.state.not_in(TERMINAL_STATES)
    statement = select(exists().where(or_(Job.subject_id == corpus_id, is_its_run), is_open))
    return session.execute(statement).scalar_one()


def delete_corpus(session: Session, corpus_id: uuid.UUID) -> list[str]:
    """Delete a corpus with its versions, runs, reports and jobs.

    Returns:
        The storage prefixes that nothing names any more, for the caller to delete after its commit.
    """
    version_ids = list(session.execute(select(CorpusVersion.id).where(CorpusVersion.corpus_id == corpus_id)).scalars())
    runs = list(session.execute(select(Run.id, Run.job_id).where(Run.corpus_id == corpus_id)))
    run_ids = [run_id for run_id, _ in runs]
    # Report rows go first and in one statement; left to the cascade, each pair would look for its own.
    session.execute(delete(ReportRow).where(ReportRow.run_id.in_(run_ids)))
    # A run goes with its job, a job's events with the job, and all else with the corpus.
    session.execute(delete(Job).where(or_(Job.subject_id == corpus_id, Job.id.in_([job_id for _, job_id in runs]))))
    session.execute(delete(Corpus).where(Corpus.id == corpus_id))
    return [
        f"corpora/{corpus_id}",
        *(f"{kind}/{version_id}" for version_id in version_ids for kind in ("versions", "features")),
        *(f"runs/{run_id}" for run_id in run_ids),
    ]
