"""Rules of new versions that leave pairs out."""

import uuid

from sqlalchemy.orm import Session

from app.core.errors import InvalidPayloadError, NotFoundError, WrongStateError
from app.core.models import Corpus
from app.core.repositories import corpora
from app.core.version_change import DropFlagged, DropPairs
from app.corpora import service
from app.corpora.schemas import CreateVersion
from app.reports.service import Cut, threshold_of
from app.runs.service import get_published_run


def drop_pairs(session: Session, corpus: Corpus, asked: CreateVersion) -> uuid.UUID:
    """Queue a version without some pairs of the newest one.

    Returns:
        The job, for the caller to wake after its commit.

    Raises:
        NotFoundError: the corpus or the run is gone, or not of this workspace.
        WrongStateError: `corpus_not_ready`, `report_not_ready`, `not_newest_version` or `not_calibrated`.
        InvalidPayloadError: `unknown_pairs` or `threshold_and_fdr`.
    """
    locked = corpora.lock_corpus(session, corpus.workspace_id, corpus.id)
    if locked is None:
        raise NotFoundError(f"corpus {corpus.id} does not exist")
    service.check_is_ready(locked)
    version_id = corpora.latest_versions(session, [locked.id])[locked.id].id
    if asked.run_id is not None:
        return service.queue_change(session, locked, _flagged(session, locked, version_id, asked.run_id, asked))
    pair_ids = set(asked.pair_ids or ())
    n_known = corpora.n_pairs_of(session, version_id, pair_ids)
    if n_known < len(pair_ids):
        raise InvalidPayloadError(
            f"{len(pair_ids) - n_known} of the {len(pair_ids)} pairs are not in the newest version of corpus "
            f"{corpus.id}",
            code="unknown_pairs",
        )
    return service.queue_change(session, locked, DropPairs(pair_ids=tuple(sorted(pair_ids))))


def _flagged(
    session: Session, corpus: Corpus, version_id: uuid.UUID, run_id: uuid.UUID, asked: CreateVersion
) -> DropFlagged:
    run = get_published_run(session, corpus.workspace_id, run_id)
    if run.corpus_version_id != version_id:
        raise WrongStateError(
            f"run {run_id} did not clean the newest version of corpus {corpus.id}; start a run of that one",
            code="not_newest_version",
        )
    return DropFlagged(run_id=run_id, threshold=threshold_of(session, run, Cut(asked.threshold, asked.fdr)))
