"""Tests of the phase that certifies, without its process."""

import uuid
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from app.core.models import RunPhase
from app.core.repositories.features import StoredFeatures
from app.core.run_config import RunConfig
from tests.worker.pipeline.calibrations import CALIBRATED
from worker.pipeline.certifying import certify_run
from worker.pipeline.training import Trained
from worker.pipeline.workspace import RunWork

_Json = dict[str, Any]  # Any: JSON


class _Work:
    """A run's work whose stage answers at once."""

    def __init__(self, config: RunConfig) -> None:
        self.config = config
        self.folder = Path("/out")
        self.version = SimpleNamespace(id=uuid.UUID(int=1), corpus_id=uuid.UUID(int=2))
        storage = SimpleNamespace(local_path=lambda key: Path("/store") / key)
        claim = SimpleNamespace(subject_id=uuid.UUID(int=3))
        self.handle = SimpleNamespace(claim=claim, context=SimpleNamespace(storage=storage))
        self.begun: list[RunPhase] = []
        self.told: list[tuple[float, _Json]] = []
        self.specs: list[tuple[str, _Json]] = []

    def begin(self, phase: RunPhase) -> None:
        self.begun.append(phase)

    def tell(self, _phase: RunPhase, share: float, *, events: _Json) -> None:
        self.told.append((share, events))

    def run(self, stage: str, spec: _Json, on_message: Any) -> _Json:  # Any: a callback
        self.specs.append((stage, spec))
        on_message({"kind": "certifying", "seed": 0, "step": "raw", "share": 0.5})
        return {"kind": "result", "verdict": "helps", "r_sum": {"raw": 1.0}, "refusal": None}


def _certified(work: _Work) -> _Json | None:
    features = SimpleNamespace(storage_prefix="f", caption_dim=4, joint_dim=None, fingerprint="ab")
    trained = SimpleNamespace(calibration=CALIBRATED, n_threads=2)
    return certify_run(cast("RunWork", work), cast("StoredFeatures", features), cast("Trained", trained))


class TestCertifyRun:
    def test_without_being_asked_it_does_nothing(self) -> None:
        work = _Work(RunConfig())
        assert _certified(work) is None
        assert (work.begun, work.specs) == ([], [])

    def test_the_stage_gets_the_runs_own_method_settings_and_threshold(self) -> None:
        work = _Work(RunConfig(certify=True, method="crcl", fdr=0.2, seed=5))
        assert _certified(work) == {"verdict": "helps", "r_sum": {"raw": 1.0}, "refusal": None}
        stage, spec = work.specs[0]
        assert (stage, work.begun) == ("certify", [RunPhase.CERTIFY])
        assert (spec["threshold"], spec["chosen_threshold"]) == (0.3, None)
        assert (spec["method"], spec["fdr"], spec["config"]["seed"]) == ("crcl", 0.2, 5)
        assert spec["about"]["run_id"] == str(uuid.UUID(int=3))
        assert work.told == [(0.5, {"certifying": {"seed": 0, "step": "raw"}})]

    def test_a_threshold_that_was_chosen_is_that_of_every_seed(self) -> None:
        work = _Work(RunConfig(certify=True, threshold=0.7))
        _certified(work)
        spec = work.specs[0][1]
        assert (spec["threshold"], spec["chosen_threshold"]) == (0.7, 0.7)
