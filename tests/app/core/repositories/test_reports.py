import uuid
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest
from sqlalchemy.orm import Session

from app.core.repositories.reports import ReportScope, flag_totals, threshold_at_fdr
from app.core.storage import Storage
from tests.app.runs.rows import add_published_run, store_corpus
from tests.factories import add_workspace


def store(session: Session, storage: Storage, correspondence: Sequence[float]) -> ReportScope:
    """A published run of one pair for each correspondence."""
    captions = [[f"caption {number}" for number in range(len(correspondence))]]
    run = add_published_run(
        session, store_corpus(session, add_workspace(session).id, storage, captions), correspondence
    )
    session.flush()
    return ReportScope(run.workspace_id, run.id)


def slow_threshold(correspondence: Sequence[float], fdr: float) -> np.float32:
    """The largest cut, of all that flag different rows, whose flagged have a mean of at most `fdr`."""
    values = np.asarray(correspondence, dtype=np.float32)
    cuts = [*np.unique(values), np.float32(1)]
    return max(cut for cut in cuts if _mean(values[values < cut]) <= fdr)


def _mean(flagged: npt.NDArray[np.float32]) -> float:
    return float(flagged.mean(dtype=np.float64)) if len(flagged) else 0.0


class TestThresholdAtFdr:
    @pytest.mark.parametrize(
        ("correspondence", "fdr", "threshold", "n_flagged"),
        [
            ([0.0, 0.125, 0.25, 0.875], 0.125, 0.875, 3),
            ([0.0, 0.125, 0.25, 0.875], 0.124, 0.25, 2),
            ([0.0, 0.125, 0.25, 0.875], 0.001, 0.125, 1),
            ([0.2, 0.3], 0.1, 0.2, 0),
        ],
    )
    def test_the_longest_prefix_of_the_worst_rows_whose_mean_keeps_the_rate_is_flagged(
        self,
        session: Session,
        storage: Storage,
        correspondence: list[float],
        fdr: float,
        threshold: float,
        n_flagged: int,
    ) -> None:
        scope = store(session, storage, correspondence)
        found = threshold_at_fdr(session, scope, fdr=fdr)
        assert found == pytest.approx(threshold)
        assert flag_totals(session, scope, threshold=found).n_flagged == n_flagged

    def test_a_tie_at_the_cut_stays_out_as_a_whole(self, session: Session, storage: Storage) -> None:
        # Two of the three at 0.25 would keep the rate, all three do not.
        scope = store(session, storage, [0.0, 0.25, 0.25, 0.25])
        found = threshold_at_fdr(session, scope, fdr=0.18)
        assert flag_totals(session, scope, threshold=found).n_flagged == 1

    def test_a_tie_that_keeps_the_rate_is_flagged_as_a_whole(self, session: Session, storage: Storage) -> None:
        scope = store(session, storage, [0.0, 0.25, 0.25, 0.25])
        found = threshold_at_fdr(session, scope, fdr=0.1875)
        assert (found, flag_totals(session, scope, threshold=found).n_flagged) == (1.0, 4)

    def test_a_certain_match_is_never_flagged(self, session: Session, storage: Storage) -> None:
        scope = store(session, storage, [0.0, 0.0, 1.0])
        found = threshold_at_fdr(session, scope, fdr=0.5)
        assert (found, flag_totals(session, scope, threshold=found).n_flagged) == (1.0, 2)

    @pytest.mark.parametrize("seed", range(5))
    def test_it_equals_the_slow_search_over_all_cuts(self, session: Session, storage: Storage, seed: int) -> None:
        random = np.random.default_rng(seed)
        correspondence = random.choice(np.round(random.beta(0.3, 0.3, 25), 2), 120).astype(np.float32).tolist()
        scope = store(session, storage, correspondence)
        for fdr in (0.001, 0.01, 0.05, 0.1, 0.2, 0.5, 0.9):
            assert np.float32(threshold_at_fdr(session, scope, fdr=fdr)) == slow_threshold(correspondence, fdr)

    def test_other_runs_do_not_count(self, session: Session, storage: Storage) -> None:
        scope = store(session, storage, [0.0, 0.5])
        store(session, storage, [0.0] * 20)
        assert threshold_at_fdr(session, scope, fdr=0.1) == 0.5

    def test_another_workspaces_rows_do_not_count(self, session: Session, storage: Storage) -> None:
        scope = store(session, storage, [0.0, 0.5])
        assert threshold_at_fdr(session, ReportScope(uuid.uuid4(), scope.run_id), fdr=0.1) == 1.0


class TestFlagTotals:
    def test_rows_strictly_below_are_flagged(self, session: Session, storage: Storage) -> None:
        # 0.7 as REAL is a little less than 0.7.
        scope = store(session, storage, [0.1, 0.7, 0.9])
        assert [flag_totals(session, scope, threshold=cut).n_flagged for cut in (0.1, 0.7, 0.71)] == [0, 1, 2]

    def test_the_mismatch_to_expect_is_summed_over_the_flagged_and_over_all(
        self, session: Session, storage: Storage
    ) -> None:
        totals = flag_totals(session, store(session, storage, [0.25, 0.5, 1.0]), threshold=0.5)
        assert totals == (1, 0.75, 1.25)

    def test_where_nothing_is_flagged_the_sum_is_zero(self, session: Session, storage: Storage) -> None:
        assert flag_totals(session, store(session, storage, [1.0]), threshold=0.5) == (0, 0.0, 0.0)
