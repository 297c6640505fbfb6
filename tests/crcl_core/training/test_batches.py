import numpy as np
import pytest
import torch

from crcl_core.seeding import generator
from crcl_core.training.batches import MAX_HELD_OUT, MIN_HELD_OUT, held_out_pairs, near_equal_batches, without

SIZES = [(n_pairs, batch_size) for n_pairs in (2, 3, 4, 5, 7, 11, 39, 1_000) for batch_size in (2, 3, 7, 16, 128)]


def _batches(n_pairs: int, batch_size: int, seed: int = 0) -> list[list[int]]:
    pairs = torch.arange(n_pairs) * 10
    return [batch.tolist() for batch in near_equal_batches(pairs, batch_size, generator(seed, "order"))]


class TestNearEqualBatches:
    @pytest.mark.parametrize(("n_pairs", "batch_size"), SIZES)
    def test_every_pair_is_in_exactly_one(self, n_pairs: int, batch_size: int) -> None:
        batches = _batches(n_pairs, batch_size)
        assert sorted(pair for batch in batches for pair in batch) == list(range(0, 10 * n_pairs, 10))

    @pytest.mark.parametrize(("n_pairs", "batch_size"), SIZES)
    def test_sizes_differ_by_one_at_most_and_no_pair_is_alone(self, n_pairs: int, batch_size: int) -> None:
        sizes = [len(batch) for batch in _batches(n_pairs, batch_size)]
        assert max(sizes) - min(sizes) <= 1
        assert min(sizes) >= 2

    @pytest.mark.parametrize(("n_pairs", "batch_size"), SIZES)
    def test_sizes_lie_near_the_one_aimed_at(self, n_pairs: int, batch_size: int) -> None:
        sizes = [len(batch) for batch in _batches(n_pairs, batch_size)]
        assert max(sizes) <= np.ceil(1.5 * batch_size)
        assert min(sizes) >= min(n_pairs, np.floor(batch_size / 1.5))

    def test_three_pairs_in_batches_of_two_are_one_batch(self) -> None:
        assert [len(batch) for batch in _batches(3, 2)] == [3]

    @pytest.mark.parametrize("n_pairs", [0, 1])
    def test_fewer_than_two_pairs_make_no_batch(self, n_pairs: int) -> None:
        assert _batches(n_pairs, 4) == []

    def test_the_generator_decides_the_order(self) -> None:
        assert _batches(100, 16) == _batches(100, 16)
        assert _batches(100, 16) != _batches(100, 16, seed=1)


class TestHeldOutPairs:
    def test_whole_images_are_held_out(self) -> None:
        image_index = np.random.default_rng(0).permutation(np.repeat(np.arange(2_000), 5))
        held_out = held_out_pairs(image_index, 0.05, 0).numpy()
        is_held_out = np.zeros(len(image_index), dtype=np.bool_)
        is_held_out[held_out] = True
        assert not set(image_index[is_held_out]) & set(image_index[~is_held_out])
        assert 500 <= len(held_out) < 505

    @pytest.mark.parametrize(
        ("n_pairs", "ratio", "n_held_out"),
        [
            (2_000, 0.05, MIN_HELD_OUT),
            (10_000, 0.05, 500),
            (200_000, 0.05, MAX_HELD_OUT),
            (1_999, 0.05, 0),
            (9_000, 0, 0),
        ],
    )
    def test_their_number_has_limits(self, n_pairs: int, ratio: float, n_held_out: int) -> None:
        held_out = held_out_pairs(np.arange(n_pairs), ratio, 0)
        assert len(held_out) == n_held_out

    def test_they_are_distinct_and_ascending(self) -> None:
        held_out = held_out_pairs(np.arange(4_000), 0.1, 0)
        assert (held_out.diff() > 0).all()

    def test_the_seed_decides_which(self) -> None:
        first, same, other = (held_out_pairs(np.arange(4_000), 0.1, seed).tolist() for seed in (1, 1, 2))
        assert first == same != other

    def test_nothing_is_held_out_where_half_of_all_pairs_would_go(self) -> None:
        assert len(held_out_pairs(np.zeros(3_000, dtype=np.int64), 0.05, 0)) == 0

    def test_nothing_is_held_out_where_most_pairs_are_wanted(self) -> None:
        assert len(held_out_pairs(np.arange(3_000), 0.9, 0)) == 0


class TestWithout:
    def test_lists_the_others_in_order(self) -> None:
        assert without(5, torch.tensor([3, 0])).tolist() == [1, 2, 4]

    def test_without_exclusions_it_lists_all(self) -> None:
        assert without(3, torch.empty(0, dtype=torch.int64)).tolist() == [0, 1, 2]
