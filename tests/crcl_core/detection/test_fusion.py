import numpy as np
import pytest

from crcl_core.detection.fusion import fuse_scores
from crcl_core.evaluation import auroc
from crcl_core.types import BoolArray, DoubleArray

_N_PAIRS, _N_DECOYS = 3_000, 450


def _terms(distances: tuple[float, ...], seed: int = 0) -> tuple[DoubleArray, BoolArray]:
    """Independent terms in which clean pairs lie so far above mismatches, of which four in ten pairs are."""
    random = np.random.default_rng(seed)
    is_clean = np.zeros(_N_PAIRS + _N_DECOYS, dtype=np.bool_)
    is_clean[: round(0.6 * _N_PAIRS)] = True
    terms = np.stack([random.normal(size=len(is_clean)) + distance * is_clean for distance in distances])
    return terms, is_clean[:_N_PAIRS]


class TestFuseScores:
    def test_is_better_than_each_of_its_terms(self) -> None:
        terms, is_clean = _terms((2.0, 1.5))
        fused = fuse_scores(terms, _N_PAIRS, guide=terms[0], seed=0).score
        alone = [auroc(term[:_N_PAIRS], is_clean) for term in terms]
        assert auroc(fused[:_N_PAIRS], is_clean) > max(alone) + 0.02

    def test_a_term_that_says_nothing_costs_nothing(self) -> None:
        terms, is_clean = _terms((2.0, 0.0))
        fused = fuse_scores(terms, _N_PAIRS, guide=terms[0], seed=0).score
        assert auroc(fused[:_N_PAIRS], is_clean) > auroc(terms[0][:_N_PAIRS], is_clean) - 0.003

    def test_decoys_stay_one_to_mismatches(self) -> None:
        terms, is_clean = _terms((2.0, 1.5, 0.0, 0.0))
        fused = fuse_scores(terms, _N_PAIRS, guide=terms[0], seed=0).score
        mismatches, decoys = fused[:_N_PAIRS][~is_clean], fused[_N_PAIRS:]
        is_mismatch = np.arange(len(mismatches) + len(decoys)) < len(mismatches)
        assert auroc(np.concatenate((mismatches, decoys)), is_mismatch) == pytest.approx(0.5, abs=0.03)

    def test_does_not_hang_on_the_scale_of_a_term(self) -> None:
        terms, _ = _terms((2.0, 1.5))
        fused = fuse_scores(terms, _N_PAIRS, guide=terms[0], seed=0).score
        scaled = fuse_scores(np.stack((terms[0] ** 3, 1e6 * terms[1])), _N_PAIRS, guide=terms[0], seed=0).score
        np.testing.assert_allclose(scaled, fused)

    def test_what_is_not_known_lies_in_the_middle(self) -> None:
        terms, _ = _terms((2.0, 1.5))
        terms[1] = np.nan
        assert np.isfinite(fuse_scores(terms, _N_PAIRS, guide=terms[0], seed=0).score).all()

    def test_where_nothing_looks_clean_all_pairs_count_alike(self) -> None:
        random = np.random.default_rng(0)
        terms = random.normal(size=(2, _N_PAIRS + _N_DECOYS))
        guide = np.concatenate((np.full(_N_PAIRS, -10.0), random.normal(size=_N_DECOYS)))
        assert np.isfinite(fuse_scores(terms, _N_PAIRS, guide=guide, seed=0).score).all()

    def test_decoys_that_are_not_used_change_nothing(self) -> None:
        terms, _ = _terms((2.0, 1.5))
        more = np.concatenate((terms, np.zeros((2, 1))), axis=1)
        fused = fuse_scores(more, _N_PAIRS, guide=more[0], seed=0, n_unused=1).score
        expected = fuse_scores(terms, _N_PAIRS, guide=terms[0], seed=0).score
        np.testing.assert_allclose(fused[:-1], expected, atol=0.02)

    def test_one_decoy_is_refused(self) -> None:
        with pytest.raises(ValueError, match="5 pairs and 1 decoys"):
            fuse_scores(np.zeros((1, 6)), 5, guide=np.zeros(6), seed=0)


class TestWithTerm:
    def test_with_the_values_that_it_was_fitted_with_it_is_the_score(self) -> None:
        terms, _ = _terms((2.0, 1.5))
        fusion = fuse_scores(terms, _N_PAIRS, guide=terms[0], seed=0)
        np.testing.assert_allclose(fusion.with_term(1, terms[1, :_N_PAIRS]), fusion.score[:_N_PAIRS])

    def test_rises_with_the_values(self) -> None:
        terms, _ = _terms((2.0, 1.5))
        fusion = fuse_scores(terms, _N_PAIRS, guide=terms[0], seed=0)
        assert (fusion.with_term(0, terms[0, :_N_PAIRS] + 0.5) >= fusion.score[:_N_PAIRS]).all()
