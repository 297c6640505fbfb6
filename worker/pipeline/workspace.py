"""The local working folder of one claim of a run, and what every phase of it shares."""

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from app.core.models import CorpusVersion, RunPhase
from app.core.repositories.jobs import append_event, record_progress
from app.core.run_config import RunConfig
from worker.execution import JobHandle
from worker.pipeline.progress import RunClock
from worker.supervisor import Message, run_stage
from worker.work_folders import work_folder


@dataclass(frozen=True)
class RunWork:
    """A claimed run: its inputs, its folder, its clock."""

    handle: JobHandle
    config: RunConfig
    version: CorpusVersion
    folder: Path
    clock: RunClock
    device: str
    base_run_id: uuid.UUID | None = None  # of an earlier version, to compare with

    @property
    def artefact_prefix(self) -> str:
        """Where this claim's artefacts go; another claim has another fence and another place."""
        return f"runs/{self.handle.claim.subject_id}/{self.handle.claim.fence}"

    def begin(self, phase: RunPhase) -> None:
        """Start a phase: the job's row and its events say so."""
        self.handle.check()
        self.clock.begin(phase)
        self.tell(phase, 0.0, events={"phase": {"phase": phase.value}})

    def tell(
        self,
        phase: RunPhase,
        share: float,
        *,
        events: Mapping[str, dict[str, Any]] | None = None,  # Any: JSON
        **more: Any,  # Any: see record_progress
    ) -> None:
        """Record that `share` of a phase is done, and events (kind = data) in the same transaction."""
        progress = self.clock.progress(share)
        eta_s = self.clock.eta_s(progress)

        def write(session: Session) -> None:
            record_progress(session, self.handle.claim, phase=phase.value, progress=progress, eta_s=eta_s, **more)
            for kind, data in (events or {}).items():
                append_event(session, self.handle.claim, kind, data)

        self.handle.transaction(write)

    def run(self, stage: str, spec: dict[str, Any], on_message: Any) -> Message:  # Any: JSON; a callback
        """Run a stage in a process of its own."""
        return run_stage(
            stage,
            {"n_threads": self.handle.context.n_threads, "device": self.device, **spec},
            self.folder,
            check=self.handle.check,
            on_message=on_message,
            no_progress_s=self.handle.context.settings.no_progress_s,
        )


@contextmanager
def working_folder(handle: JobHandle) -> Iterator[Path]:
    """A fresh local folder for this claim, gone afterwards with whatever is in it."""
    root = handle.context.work_root
    with work_folder(root, f"{handle.claim.job_id}-{handle.claim.fence}") as folder:
        yield folder
