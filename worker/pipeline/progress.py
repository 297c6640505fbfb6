"""How far a run is: each phase has a share of the whole, and the rest of the time is estimated from what has passed."""

import time

from app.core.models import RunPhase

# Where each phase begins, as measured on corpora of 2,000 to 30,000 pairs with the offline encoder.
_BEGINS = {RunPhase.FEATURES: 0.0, RunPhase.TRAIN: 0.45, RunPhase.REPORT: 0.97, RunPhase.INDEX: 0.98}
_ENDS = {RunPhase.FEATURES: 0.45, RunPhase.TRAIN: 0.97, RunPhase.REPORT: 0.98, RunPhase.INDEX: 0.99}
# With a certificate, which cleans four fifths of the corpus three times more.
_BEGINS_CERTIFIED = {
    RunPhase.FEATURES: 0.0,
    RunPhase.TRAIN: 0.17,
    RunPhase.REPORT: 0.37,
    RunPhase.CERTIFY: 0.38,
    RunPhase.INDEX: 0.98,
}
_ENDS_CERTIFIED = {
    RunPhase.FEATURES: 0.17,
    RunPhase.TRAIN: 0.37,
    RunPhase.REPORT: 0.38,
    RunPhase.CERTIFY: 0.98,
    RunPhase.INDEX: 0.99,
}
_ESTIMATE_FROM = 0.05


class RunClock:
    """Progress of the whole run, its estimate, and the seconds of each phase, since this worker claimed it.

    Args:
        is_certified: whether the run has the phase `certify`.
    """

    def __init__(self, *, is_certified: bool = False) -> None:
        self._begins, self._ends = (_BEGINS_CERTIFIED, _ENDS_CERTIFIED) if is_certified else (_BEGINS, _ENDS)
        self._started_at = time.monotonic()
        self._phase_started_at = self._started_at
        self._progress_at_start: float | None = None
        self._phase: RunPhase | None = None
        self.seconds_by_phase: dict[str, float] = {}

    def begin(self, phase: RunPhase) -> None:
        """Close the phase before and start this one."""
        now = time.monotonic()
        if self._phase is not None:
            self.seconds_by_phase[self._phase.value] = round(now - self._phase_started_at, 3)
        self._phase, self._phase_started_at = phase, now

    def end(self) -> None:
        """Close the last phase."""
        if self._phase is not None:
            self.seconds_by_phase[self._phase.value] = round(time.monotonic() - self._phase_started_at, 3)

    def progress(self, share: float) -> float:
        """Progress of the run, in [0, 1], when `share` of the current phase is done."""
        assert self._phase is not None
        begin, end = self._begins[self._phase], self._ends[self._phase]
        return begin + (end - begin) * min(max(share, 0.0), 1.0)

    def eta_s(self, progress: float) -> float | None:
        """Seconds left if the rest goes as what was done since the claim; None while too little was done."""
        if self._progress_at_start is None:
            self._progress_at_start = progress
        gained = progress - self._progress_at_start
        if gained < _ESTIMATE_FROM:
            return None
        return round((time.monotonic() - self._started_at) / gained * (1.0 - progress), 1)
