"""Values beside images and captions are counted wherever they are."""

import pytest

from worker.pipeline.importing.refusal import ArchiveRefusedError
from worker.pipeline.importing.value_budget import ValueBudget


def test_as_many_as_allowed_are_taken() -> None:
    budget = ValueBudget(4)
    budget.spend({"a": "1", "b": "2"}, "captions.csv")
    budget.spend(None, "captions.csv")
    budget.spend({"a": "1", "b": "2"}, "captions.csv")


def test_one_more_is_refused_by_name() -> None:
    budget = ValueBudget(4)
    budget.spend({"a": "1", "b": "2", "c": "3", "d": "4"}, "captions.csv")
    with pytest.raises(ArchiveRefusedError, match=r"captions\.csv holds more than 4 values") as caught:
        budget.spend({"a": "1"}, "captions.csv")
    assert caught.value.code == "too_many_values"


@pytest.mark.parametrize("nested", [[[], []], {"a": {"b": {}}}, ["x", ["y"]]])
def test_what_is_nested_counts_as_well(nested: object) -> None:
    with pytest.raises(ArchiveRefusedError):
        ValueBudget(6).spend({"x": nested}, "captions.csv")
