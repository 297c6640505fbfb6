import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from crcl_core.models.bidirectional_gru import Packing, mean_of_directions, valid_positions

_LENGTHS = torch.tensor([3, 7, 1, 7, 2, 4])


class TestPacking:
    def test_stores_step_by_step_with_the_longest_row_first(self) -> None:
        packing = Packing.of(torch.tensor([1, 3]))
        assert packing.step_sizes == (2, 1, 1)
        assert packing.element_index.tolist() == [3, 0, 4, 5]

    def test_unpacking_undoes_packing_and_leaves_zeros_behind(self) -> None:
        rows = _rows()
        packing = Packing.of(_LENGTHS)
        expected = rows.masked_fill(~valid_positions(_LENGTHS, 7).unsqueeze(2), 0)
        assert torch.equal(packing.unpack(packing.pack(rows)), expected)

    def test_one_row_keeps_its_order(self) -> None:
        assert Packing.of(torch.tensor([3])).element_index.tolist() == [0, 1, 2]

    def test_all_elements_are_stored_once(self) -> None:
        packing = Packing.of(_LENGTHS)
        assert sum(packing.step_sizes) == int(_LENGTHS.sum()) == len(set(packing.element_index.tolist()))


class TestMeanOfDirections:
    """The oracle of its values is the words' own, in test_word_encoder.py."""

    @pytest.mark.parametrize("lengths", [_LENGTHS, torch.full((6,), 7), torch.ones(6, dtype=torch.int64)])
    def test_equals_pytorchs_own_steps_and_gradients(self, lengths: Tensor) -> None:
        gru, rows = _gru(), _rows().requires_grad_()
        packing = Packing.of(lengths)
        ours = packing.unpack(mean_of_directions(gru, packing.pack(rows), packing))
        theirs = _pytorch(gru, rows, lengths)
        torch.testing.assert_close(ours, theirs)
        wanted = torch.randn(ours.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
        inputs = [rows, *gru.parameters()]
        for mine, expected in zip(
            torch.autograd.grad((ours * wanted).sum(), inputs),
            torch.autograd.grad((theirs * wanted).sum(), inputs),
            strict=True,
        ):
            torch.testing.assert_close(mine, expected)

    def test_the_gradient_is_right(self) -> None:
        gru, packing = _gru(), Packing.of(torch.tensor([2, 3, 1]))
        packed = packing.pack(_rows()[:3, :3]).requires_grad_()
        assert torch.autograd.gradcheck(
            lambda values, *_: mean_of_directions(gru, values, packing), (packed, *gru.parameters())
        )

    @pytest.mark.gpu
    def test_an_accelerators_own_steps_give_the_same(self) -> None:
        gru, rows = _gru(), _rows()
        packing = Packing.of(_LENGTHS)
        expected = mean_of_directions(gru, packing.pack(rows), packing)
        on_device = Packing.of(_LENGTHS.cuda())
        found = mean_of_directions(gru.cuda(), on_device.pack(rows.cuda()), on_device)
        torch.testing.assert_close(found.cpu(), expected)

    def test_gives_no_gradient_to_what_needs_none(self) -> None:
        gru, packing = _gru(), Packing.of(_LENGTHS)
        packed = packing.pack(_rows())
        torch.autograd.backward(mean_of_directions(gru, packed, packing).sum())
        assert packed.grad is None
        assert all(weight.grad is not None for weight in gru.parameters())

    def test_under_autocast_it_stays_near(self) -> None:
        gru, packing = _gru().float(), Packing.of(_LENGTHS)
        packed = packing.pack(_rows().float()).requires_grad_()
        exact = mean_of_directions(gru, packed, packing)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            rounded = mean_of_directions(gru, packed, packing)
        assert rounded.dtype == torch.bfloat16
        np.testing.assert_allclose(rounded.float().detach(), exact.detach(), atol=0.02)
        (gradient,) = torch.autograd.grad(rounded.float().sum(), packed)
        assert gradient.dtype == torch.float32


def _gru() -> nn.GRU:
    torch.manual_seed(0)
    return nn.GRU(5, 4, bidirectional=True).double()


def _rows() -> Tensor:
    return torch.randn(6, 7, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def _pytorch(gru: nn.GRU, rows: Tensor, lengths: Tensor) -> Tensor:
    packed = pack_padded_sequence(rows, lengths, batch_first=True, enforce_sorted=False)
    both, _ = pad_packed_sequence(gru(packed)[0], batch_first=True, total_length=int(lengths.max()))
    return both.view(*both.shape[:2], 2, -1).mean(dim=2)
