"""The local working folder of one claim of a run, and what every phase of it shares."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.core.models import CorpusVersion, RunPhase
from app.core.run_config import RunConfig
from worker.execution import JobHandle
from worker.pipeline.progress import RunClock
from worker.supervisor import Message, run_stage


@dataclass(frozen=True)
class RunWork:
    """A claimed run: its inputs, its folder, its clock."""

    handle: JobHandle
    config: RunConfig
    version: CorpusVersion
    folder: Path
    clock: RunClock
    device: str

    @property
    def artefact_prefix(self) -> str:
        """Where this claim's artefacts go; another claim has another fence and another place."""
        return f"runs/{self.handle.claim.subject_id}/{self.handle.claim.fence}"

    def begin(self, phase: RunPhase) -> None:
        """Start a phase: the job's row and its events say so."""
        self.handle.check()
        self.clock.begin(phase)
        self.handle.event("phase", {"phase": phase.value})
        self.tell(phase, 0.0)

    def tell(self, phase: RunPhase, share: float, **more: Any) -> None:  # Any: see record_progress
        """Record that `share` of a phase is done."""
        progress = self.clock.progress(share)
        self.handle.progress(phase.value, progress, eta_s=self.clock.eta_s(progress), **more)

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
    root = handle.context.settings.data.resolve() / "work" / str(handle.claim.subject_id)
    # What an earlier claim left on this machine is of no use: its checkpoints are in storage.
    shutil.rmtree(root, ignore_errors=True)
    folder = root / str(handle.claim.fence)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
