"""HTTP of runs."""

import uuid
from typing import Annotated

from fastapi import APIRouter, Depends, Query

from app.core.models import JobKind
from app.core.repositories import runs
from app.dependencies import AfterCommitDep, Page, SessionDep, SettingsDep, ValidCorpus, WorkspaceId
from app.idempotency import OnceDep
from app.pagination import view_page
from app.problems import problems
from app.quotas import Quotas
from app.runs import service
from app.runs.schemas import RunView, StartRun
from app.runs.service import RunRules
from app.schemas import PagedView

router = APIRouter(prefix="/v1", tags=["runs"])

_DEFAULTS = StartRun()


def get_run_rules(settings: SettingsDep) -> RunRules:
    return RunRules(settings.encoders, settings.default_encoder, settings.min_pairs)


@router.post("/corpora/{corpus_id}/runs", status_code=202, responses=problems(404, 409, 429))
def create_run(
    corpus_id: uuid.UUID,
    session: SessionDep,
    workspace_id: WorkspaceId,
    rules: Annotated[RunRules, Depends(get_run_rules)],
    settings: SettingsDep,
    after_commit: AfterCommitDep,
    once: OnceDep,
    wanted: StartRun = _DEFAULTS,
    version: Annotated[int | None, Query(ge=1, le=2**31 - 1, description="its number; default: the newest")] = None,
) -> RunView:
    """Start a cleaning of a version of a corpus. The configuration is frozen; a body left out takes the defaults.

    409 `corpus_not_ready`, `too_few_pairs` or `preflight_unconfirmed`; 422 `unknown_encoder` or `regions_unsupported`.
    """

    def create() -> RunView:
        Quotas(settings).check_runs(session, workspace_id)
        made = service.create_run(session, workspace_id, corpus_id, wanted, rules, number=version)
        after_commit.wake(JobKind.RUN, made.job.id)
        return RunView.of(made)

    return once.answer(wanted, RunView, create)


@router.get("/corpora/{corpus_id}/runs", responses=problems(404))
def list_runs(corpus: ValidCorpus, session: SessionDep, page: Page) -> PagedView[RunView]:
    """List the runs of a corpus, newest first."""
    found = runs.list_runs(session, corpus.workspace_id, corpus.id, before=page.after(uuid.UUID), limit=page.limit + 1)
    return view_page(found, page, key=lambda found: found.run.id, view=RunView.of)


@router.get("/runs/{run_id}", responses=problems(404))
def get_run(run_id: uuid.UUID, session: SessionDep, workspace_id: WorkspaceId) -> RunView:
    """Show a run: its state, progress and, once it is done, its summary."""
    return RunView.of(service.get_run(session, workspace_id, run_id))


@router.post("/runs/{run_id}/cancel", status_code=202, responses=problems(404, 409))
def cancel_run(run_id: uuid.UUID, session: SessionDep, workspace_id: WorkspaceId) -> RunView:
    """Ask a run to stop. A run that is cancelled already stays so; 409 `run_ended` once it is done or has failed."""
    return RunView.of(service.cancel_run(session, workspace_id, run_id))
