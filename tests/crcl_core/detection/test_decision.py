import numpy as np
import pytest

from crcl_core.detection import threshold_at_fdr
from crcl_core.types import FloatArray


def _correspondence(*values: float) -> FloatArray:
    return np.array(values, dtype=np.float32)


def _flagged_oracle(correspondence: FloatArray, fdr: float) -> int:
    """The most pairs, whole groups of one value, whose mean correspondence is allowed; none lies below 1 at 1."""
    best = 0
    for value in sorted(set(correspondence[correspondence < 1].tolist())):
        group = correspondence[correspondence <= np.float32(value)].astype(np.float64)
        if group.mean() <= fdr:
            best = len(group)
    return best


class TestThresholdAtFdr:
    def test_flags_as_many_as_are_allowed(self) -> None:
        random = np.random.default_rng(0)
        for _ in range(50):
            correspondence = (random.random(40) ** 3).astype(np.float32).round(2)
            for fdr in (0.05, 0.1, 0.3):
                flagged = correspondence < np.float32(threshold_at_fdr(correspondence, fdr))
                assert flagged.sum() == _flagged_oracle(correspondence, fdr)

    def test_by_hand(self) -> None:
        # Means of the lowest one, two, three: 0, 0.05, 0.167.
        assert threshold_at_fdr(_correspondence(0.4, 0.0, 0.1, 0.9), 0.1) == pytest.approx(0.4)

    def test_pairs_of_one_value_are_flagged_together_or_not_at_all(self) -> None:
        correspondence = _correspondence(0.0, 0.2, 0.2, 0.2, 0.9)
        assert (correspondence < np.float32(threshold_at_fdr(correspondence, 0.12))).sum() == 1

    def test_nothing_is_flagged_where_no_pair_may_be(self) -> None:
        correspondence = _correspondence(0.5, 0.9)
        assert not (correspondence < np.float32(threshold_at_fdr(correspondence, 0.1))).any()

    def test_all_are_flagged_where_all_may_be(self) -> None:
        correspondence = _correspondence(0.0, 0.05)
        assert (correspondence < np.float32(threshold_at_fdr(correspondence, 0.1))).all()

    def test_of_no_pairs_all_may_be_flagged(self) -> None:
        assert threshold_at_fdr(_correspondence(), 0.1) == 1.0

    @pytest.mark.parametrize("fdr", [0.0, 1.0, float("nan")])
    def test_a_rate_outside_its_range_is_refused(self, fdr: float) -> None:
        with pytest.raises(ValueError, match="expected a number above 0 and below 1"):
            threshold_at_fdr(_correspondence(0.5), fdr)
