"""Rules of corpora."""

import uuid
from collections.abc import Sequence
from functools import partial

from sqlalchemy.orm import Session

from app.after_commit import AfterCommit
from app.core.errors import NotFoundError, WrongStateError
from app.core.models import Corpus, CorpusFormat, CorpusState, CorpusVersion, JobKind
from app.core.repositories import corpora, uploads
from app.core.repositories.jobs import add_job
from app.core.storage import Storage
from app.core.version_change import AppendArchive, DropFlagged, DropPairs
from app.corpora.archive_kind import HEAD_BYTES, archive_kind, early_archive_kind
from app.corpora.receiving import ReceivedArchive
from app.corpora.schemas import CorpusView

__all__ = [
    "HEAD_BYTES",
    "ReceivedArchive",
    "accept_archive",
    "archive_kind",
    "check_is_ready",
    "check_takes_archive",
    "create_corpus",
    "delete_corpus",
    "early_archive_kind",
    "find_version",
    "queue_change",
    "require_confirmed",
    "view_corpora",
    "view_corpus",
]


def create_corpus(
    session: Session, workspace_id: uuid.UUID, *, name: str, wanted_format: CorpusFormat | None = None
) -> Corpus:
    """Make an empty corpus that waits for its archive, whose format may be known already."""
    corpus = Corpus(workspace_id=workspace_id, name=name, state=CorpusState.UPLOADING, wanted_format=wanted_format)
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


def check_takes_archive(corpus: Corpus | None, corpus_id: uuid.UUID, *, is_append: bool = False) -> Corpus:
    """The corpus, if it waits for an archive, or if it is ready for one to append.

    Raises:
        NotFoundError: there is none, or it is another workspace's.
        WrongStateError: `archive_exists`, or `corpus_not_ready`.
    """
    if corpus is None:
        raise NotFoundError(f"corpus {corpus_id} does not exist")
    if is_append:
        return check_is_ready(corpus)
    if corpus.state != CorpusState.UPLOADING:
        raise WrongStateError(
            f"corpus {corpus_id} is {corpus.state}: it has its archive; append=true adds another one, as a new version",
            code="archive_exists",
        )
    return corpus


def check_is_ready(corpus: Corpus) -> Corpus:
    """The corpus, if a new version can be made of it.

    Raises:
        WrongStateError: `corpus_not_ready`.
    """
    if corpus.state != CorpusState.READY:
        raise WrongStateError(
            f"corpus {corpus.id} is {corpus.state}; a new version is made of one that is ready",
            code="corpus_not_ready",
        )
    return corpus


def queue_change(session: Session, corpus: Corpus, change: AppendArchive | DropPairs | DropFlagged) -> uuid.UUID:
    """Queue the making of a new version of a ready corpus, whose older versions stay readable.

    Returns:
        The job, for the caller to wake after its commit.
    """
    corpus.state = CorpusState.UPLOADED
    job = add_job(
        session,
        workspace_id=corpus.workspace_id,
        kind=JobKind.IMPORT,
        subject_id=corpus.id,
        request=change.model_dump(mode="json"),
    )
    return job.id


def accept_archive(session: Session, corpus: Corpus, archive: ReceivedArchive, *, is_append: bool = False) -> uuid.UUID:
    """Note the stored archive and queue its import, in one transaction.

    The corpus goes on showing its first archive when another one is appended.

    Returns:
        The import job, for the caller to wake after its commit.
    """
    if is_append:
        return queue_change(session, corpus, AppendArchive(archive_key=archive.key, n_bytes=archive.n_bytes))
    corpus.state = CorpusState.UPLOADED
    corpus.archive_key = archive.key
    corpus.archive_kind = archive.kind
    corpus.archive_bytes = archive.n_bytes
    corpus.archive_sha256 = archive.sha256
    job = add_job(session, workspace_id=corpus.workspace_id, kind=JobKind.IMPORT, subject_id=corpus.id)
    return job.id


def find_version(session: Session, corpus: Corpus, number: int | None) -> CorpusVersion | None:
    """A version of a corpus by its number, else the newest; None before there is one.

    Raises:
        NotFoundError: the corpus has no version of that number.
    """
    if number is None:
        return corpora.latest_versions(session, [corpus.id]).get(corpus.id)
    version = corpora.find_version(session, corpus.id, number)
    if version is None:
        raise NotFoundError(f"corpus {corpus.id} has no version {number}")
    return version


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
    upload_ids = uploads.uploads_into(session, corpus.id)
    for prefix in corpora.delete_corpus(session, corpus.id):
        after_commit.add(partial(storage.delete_prefix, prefix))
    for upload_id in upload_ids:
        after_commit.add(partial(storage.incoming().discard, upload_id))


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
