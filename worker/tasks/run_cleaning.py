"""The task that does a run: claim, call the pipeline, record."""

import uuid

from app.core.models import JobKind
from worker.context import WorkerContext
from worker.execution import execute_job
from worker.pipeline.cleaning import clean_corpus


def run_cleaning(context: WorkerContext, job_id: uuid.UUID) -> None:
    """Do the run of this job, unless somebody else has it."""
    execute_job(context, JobKind.RUN, job_id, clean_corpus)
