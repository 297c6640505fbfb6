"""Rules of corpora."""

import uuid
from collections.abc import Sequence
from functools import partial

from sqlalchemy.orm import Session

from app.after_commit import AfterCommit
from app.core.errors import NotFoundError, WrongStateError
from app.core.models import Corpus, CorpusState, CorpusVersion, JobKind
from app.core.repositories import corpora
from app.core.repositories.jobs import add_job
from app.core.storage import Storage
from app.corpora.receiving import ReceivedArchive
from app.corpora.schemas import CorpusView, CreateCorpus


def create_corpus(session: Session, workspace_id: uuid.UUID, wanted: CreateCorpus) -> Corpus:
    """Make an empty corpus that waits for its archive."""
    corpus = Corpus(
        workspace_id=workspace_id, name=wanted.name, state=CorpusState.UPLOADING, wanted_format=wanted.format
    )
    session.add(corpus)
    session.flush()
    return corpus


def view_corpora(session: Session, rows: Sequence[Corpus]) -> list[CorpusView]:
    """Corpora with their newest versions and import jobs, in the same order."""
    ids = [corpus.id for corpus in rows]
    versions = corpora.latest_versions(session, ids)
    jobs = corpora.latest_import_jobs(session, ids)
    return [CorpusView.of(corpus, versions.get(corpus.id), jobs.get(corpus.id)) for corpus in rows]


def view_corpus(session: Session, corpus: Corpus) -> CorpusView:
    """A corpus with its newest version and import job."""
    return view_corpora(session, [corpus])[0]


def check_takes_archive(corpus: Corpus | None, corpus_id: uuid.UUID) -> Corpus:
    """The corpus, if it waits for an archive.

    Raises:
        NotFoundError: there is none, or it is another workspace's.
        WrongStateError: it has its archive.
    """
    if corpus is None:
        raise NotFoundError(f"corpus {corpus_id} does not exist")
    if corpus.state != CorpusState.UPLOADING:
        raise WrongStateError(
            f"corpus {corpus_id} is {corpus.state}: it has its archive; make a new corpus for another one",
            code="archive_exists",
        )
    return corpus


def accept_archive(session: Session, corpus: Corpus, archive: ReceivedArchive) -> uuid.UUID:
    """Note the stored archive and queue its import, in one transaction.

    Returns:
        The import job, for the caller to wake after its commit.
    """
    corpus.state = CorpusState.UPLOADED
    corpus.archive_key = archive.key
    corpus.archive_kind = archive.kind
    corpus.archive_bytes = archive.n_bytes
    corpus.archive_sha256 = archive.sha256
    job = add_job(session, workspace_id=corpus.workspace_id, kind=JobKind.IMPORT, subject_id=corpus.id)
    return job.id


def delete_corpus(session: Session, corpus: Corpus, storage: Storage, after_commit: AfterCommit) -> None:
    """Delete a corpus and all that was made from it.

    Raises:
        NotFoundError: another request deleted it meanwhile.
        WrongStateError: an import or a run of it has not ended.
    """
    # The lock keeps imports and runs from being queued between the question and the deletion.
    if corpora.lock_corpus(session, corpus.workspace_id, corpus.id) is None:
        raise NotFoundError(f"corpus {corpus.id} does not exist")
    if corpora.has_open_job(session, corpus.id):
        raise WrongStateError(
            f"corpus {corpus.id} has an import or a run that has not ended; cancel it or wait for its end",
            code="job_open",
        )
    for prefix in corpora.delete_corpus(session, corpus.id):
        after_commit.add(partial(storage.delete_prefix, prefix))


def require_confirmed(version: CorpusVersion, *, is_confirmed: bool) -> None:
    """Refuse a run of a version whose warnings nobody has confirmed.

    Raises:
        WrongStateError: `preflight_unconfirmed`.
    """
    if is_confirmed or version.preflight is None or not version.preflight["needs_confirmation"]:
        return
    told = "; ".join(f"{warning['code']}: {warning['detail']}" for warning in version.preflight["warnings"])
    raise WrongStateError(
        f"the import warns: {told}. See GET /v1/corpora/{version.corpus_id}/preflight, then mend the corpus or start "
        "the run with confirm_warnings: true",
        code="preflight_unconfirmed",
    )
