import pytest

from crcl_core.models.pair_blocks import PairMemory, pair_grid

_LENGTHS = (9, 9, 4, 4, 4, 1)


def _memory(budget_bytes: int) -> PairMemory:
    return PairMemory(budget_bytes, worked_bytes=10, kept_bytes=5)


class TestPairGrid:
    @pytest.mark.parametrize("needs_all_images", [True, False])
    @pytest.mark.parametrize("budget_bytes", [1, 300, 1000, 4321, 10**9])
    def test_its_blocks_hold_every_pair_within_the_budget(self, budget_bytes: int, *, needs_all_images: bool) -> None:
        grid = pair_grid(_LENGTHS, 7, _memory(budget_bytes), needs_all_images=needs_all_images)
        assert sum(grid.caption_sizes) == 6
        assert sum(grid.image_sizes) == 7
        largest = 0
        for number, n_captions in enumerate(grid.caption_sizes):
            n_nodes = grid.image_sizes[0] * n_captions * (1 + _LENGTHS[sum(grid.caption_sizes[:number])])
            largest = max(largest, n_nodes if n_captions > 1 or grid.image_sizes[0] > 1 else 0)
        if not needs_all_images:
            assert 10 * largest <= budget_bytes

    def test_a_caption_with_all_images_is_the_least_where_it_needs_them(self) -> None:
        grid = pair_grid(_LENGTHS, 7, _memory(1), needs_all_images=True)
        assert grid.image_sizes == (7,)
        assert grid.caption_sizes == (1,) * 6

    def test_short_captions_share_larger_blocks(self) -> None:
        assert pair_grid(_LENGTHS, 2, _memory(450), needs_all_images=True).caption_sizes == (2, 4)

    def test_many_images_are_parted_even_where_memory_is_plenty(self) -> None:
        grid = pair_grid((3,), 1000, _memory(10**9), needs_all_images=False)
        assert max(grid.image_sizes) < 1000

    def test_what_the_budget_leaves_keeps_blocks(self) -> None:
        # A block of 24,576 nodes takes ten bytes a node while it is worked on, and five when it is kept.
        n_kept = [
            pair_grid((3,) * 9000, 1, _memory(budget), needs_all_images=True).n_kept
            for budget in (245_760, 245_760 + 122_880, 245_760 + 3 * 122_880)
        ]
        assert n_kept == [0, 1, 3]


class TestPairMemory:
    def test_refuses_a_budget_of_nothing(self) -> None:
        with pytest.raises(ValueError, match="budget_bytes is 0, expected 1 or more"):
            _memory(0)
