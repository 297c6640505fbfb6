"""The task that does a run: claim, call the pipeline, record."""

import uuid

from app.core.models import JobKind
from worker.context import WorkerContext
from worker.execution import JobProcedure, execute_job
from worker.pipeline.cleaning import clean_corpus, delete_artefacts

_PROCEDURE = JobProcedure(JobKind.RUN, clean_corpus, delete_artefacts)


def run_cleaning(context: WorkerContext, job_id: uuid.UUID) -> None:
    """Do the run of this job, unless somebody else has it."""
    execute_job(context, job_id, _PROCEDURE)
