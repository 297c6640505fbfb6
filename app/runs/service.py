"""Rules of runs: when one may start, what of it is frozen, when it may be cancelled, when its report stands."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy.orm import Session

from app.core.errors import InvalidPayloadError, NotFoundError, WrongStateError
from app.core.models import CorpusState, JobKind, JobState, new_id
from app.core.repositories import corpora, jobs, runs
from app.core.repositories.comparing import find_base_run
from app.core.repositories.runs import RunWithJob
from app.core.run_config import RunConfig
from app.corpora.service import require_confirmed
from app.runs.region_limits import check_regions
from app.runs.schemas import RunSummary, StartRun


@dataclass(frozen=True)
class RunRules:
    """What the operator allows a run to be."""

    encoders: Mapping[str, str]
    default_encoder: str
    min_pairs: int


@dataclass(frozen=True)
class PublishedRun:
    """A run whose report stands: what was published of it, and where its artefacts lie."""

    id: uuid.UUID
    workspace_id: uuid.UUID
    corpus_version_id: uuid.UUID
    config: RunConfig
    artefact_prefix: str
    summary: RunSummary


def create_run(
    session: Session,
    workspace_id: uuid.UUID,
    corpus_id: uuid.UUID,
    wanted: StartRun,
    rules: RunRules,
    *,
    number: int | None = None,
) -> RunWithJob:
    """Queue a run of the corpus's version of this number, else of the newest; the caller sends the wake-up of its job
    after the commit.

    Raises:
        NotFoundError: no such corpus, or no such version of it.
        WrongStateError: `corpus_not_ready`, `too_few_pairs` or `preflight_unconfirmed`.
        InvalidPayloadError: `unknown_encoder`, or `regions_unsupported`.
    """
    config = wanted.config()
    encoder = _registered_encoder(config.encoder, rules)
    if config.reads_regions:
        check_regions(encoder, rules.encoders[encoder], config.n_grid_regions)
    frozen = config.model_copy(update={"encoder": encoder})
    corpus = corpora.lock_corpus(session, workspace_id, corpus_id, is_shared=True)
    if corpus is None:
        raise NotFoundError(f"corpus {corpus_id} does not exist")
    if number is None:
        version = corpora.latest_versions(session, [corpus_id]).get(corpus_id)
    else:
        version = corpora.find_version(session, corpus_id, number)
        if version is None:
            raise NotFoundError(f"corpus {corpus_id} has no version {number}")
    # A version that is named can be cleaned while another one is being made.
    if version is None or (number is None and corpus.state != CorpusState.READY):
        raise WrongStateError(
            f"corpus {corpus_id} is {corpus.state}; a run needs it to be ready", code="corpus_not_ready"
        )
    if version.n_accepted < rules.min_pairs:
        raise WrongStateError(
            f"version {version.number} of corpus {corpus_id} has {version.n_accepted} accepted pairs; a run needs at "
            f"least {rules.min_pairs}",
            code="too_few_pairs",
        )
    require_confirmed(version, is_confirmed=wanted.confirm_warnings)
    run_id = new_id()
    job = jobs.add_job(session, workspace_id=workspace_id, kind=JobKind.RUN, subject_id=run_id)
    run = runs.add_run(
        session,
        run_id=run_id,
        job=job,
        corpus_id=corpus_id,
        corpus_version_id=version.id,
        config=frozen.model_dump(mode="json"),
        base_run_id=find_base_run(session, version),
    )
    session.refresh(job)
    return RunWithJob(run, job)


def get_run(session: Session, workspace_id: uuid.UUID, run_id: uuid.UUID) -> RunWithJob:
    """The run and its job.

    Raises:
        NotFoundError: no such run in this workspace.
    """
    found = runs.find_run(session, workspace_id, run_id)
    if found is None:
        raise _no_such_run(run_id)
    return found


def job_of_run(session: Session, workspace_id: uuid.UUID, run_id: uuid.UUID) -> uuid.UUID:
    """The id of a run's job.

    Raises:
        NotFoundError: no such run in this workspace.
    """
    job_id = runs.find_job_of_run(session, workspace_id, run_id)
    if job_id is None:
        raise _no_such_run(run_id)
    return job_id


def import_job(session: Session, corpus_id: uuid.UUID) -> uuid.UUID:
    """The id of the job that imports a corpus.

    Raises:
        WrongStateError: `no_import`: the archive is not there yet.
    """
    job = corpora.latest_import_jobs(session, [corpus_id]).get(corpus_id)
    if job is None:
        raise WrongStateError(f"corpus {corpus_id} has no import yet: put its archive first", code="no_import")
    return job.id


def has_ended_at(session: Session, job_id: uuid.UUID, seq: int) -> bool:
    """Whether the job has ended and event `seq` is its last."""
    position = runs.job_positions(session, [job_id]).get(job_id)
    return position is None or (JobState(position.state).is_terminal and seq >= position.last_event_seq)


def cancel_run(session: Session, workspace_id: uuid.UUID, run_id: uuid.UUID) -> RunWithJob:
    """Ask a run to stop: a queued one ends now, a running one within a heartbeat of its worker.

    Raises:
        NotFoundError: no such run in this workspace.
        WrongStateError: `run_ended`, because it is done or has failed.
    """
    job_id = job_of_run(session, workspace_id, run_id)
    state = jobs.request_cancel(session, job_id)
    if state in (JobState.DONE, JobState.FAILED):
        raise WrongStateError(f"run {run_id} is {state} and cannot be cancelled any more", code="run_ended")
    found = get_run(session, workspace_id, run_id)
    session.refresh(found.job)  # it ended on the database's clock
    return found


def get_published_run(session: Session, workspace_id: uuid.UUID, run_id: uuid.UUID) -> PublishedRun:
    """The run, once its report is published.

    Raises:
        NotFoundError: no such run in this workspace.
        WrongStateError: `report_not_ready`.
    """
    found = get_run(session, workspace_id, run_id)
    run = found.run
    if run.summary is None or run.artefact_prefix is None:
        outlook = "and never will have one" if JobState(found.job.state).is_terminal else "yet: it appears at the end"
        raise WrongStateError(f"run {run_id} is {found.job.state} and has no report {outlook}", code="report_not_ready")
    return PublishedRun(
        id=run.id,
        workspace_id=run.workspace_id,
        corpus_version_id=run.corpus_version_id,
        config=RunConfig.model_validate(run.config),
        artefact_prefix=run.artefact_prefix,
        summary=RunSummary.model_validate(run.summary),
    )


def _no_such_run(run_id: uuid.UUID) -> NotFoundError:
    return NotFoundError(f"run {run_id} does not exist")


def _registered_encoder(name: str | None, rules: RunRules) -> str:
    """The encoder to freeze into the run. The default may change later; what this run used may not."""
    wanted = rules.default_encoder if name is None else name
    if wanted not in rules.encoders:
        raise InvalidPayloadError(
            f"encoder {wanted!r} is not registered here; registered: {', '.join(sorted(rules.encoders))}",
            code="unknown_encoder",
        )
    return wanted
