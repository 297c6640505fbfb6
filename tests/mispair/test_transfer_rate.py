from mispair.transfer_rate import TransferRate

MIB = 1024 * 1024


class _Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def _rate_after(*steps: tuple[float, float]) -> TransferRate:
    clock = _Clock()
    rate = TransferRate(clock)
    for seconds, mib in steps:
        clock.now = 100.0 + seconds
        rate.note(round(mib * MIB))
    return rate


class TestTransferRate:
    def test_before_there_is_something_to_measure_there_is_none(self) -> None:
        assert _rate_after((0, 1)).bytes_per_s is None

    def test_it_is_what_came_through_by_the_second(self) -> None:
        assert _rate_after((0, 0), (1, 2), (2, 6)).bytes_per_s == 3 * MIB

    def test_what_was_there_before_does_not_count(self) -> None:
        assert _rate_after((0, 500), (1, 502)).bytes_per_s == 2 * MIB

    def test_it_follows_the_last_ten_seconds(self) -> None:
        assert _rate_after((0, 0), (1, 100), (20, 100), (21, 102), (22, 104)).bytes_per_s == 2 * MIB

    def test_going_back_begins_anew(self) -> None:
        assert _rate_after((0, 0), (1, 50), (2, 10), (3, 14)).bytes_per_s == 4 * MIB


class TestDescribe:
    def test_it_tells_rate_and_what_is_left(self) -> None:
        clock = _Clock()
        rate = TransferRate(clock)
        assert rate.describe(0, 40 * MIB) == "0.0 of 40.0 MiB"
        clock.now += 2
        assert rate.describe(10 * MIB, 40 * MIB) == "10.0 of 40.0 MiB, 5.0 MiB/s, about 6 s left"

    def test_long_waits_are_told_in_minutes_and_hours(self) -> None:
        rate = _rate_after((0, 0), (1, 1))
        assert rate.describe(MIB, 601 * MIB).endswith("about 10 min left")
        rate = _rate_after((0, 0), (1, 1))
        assert rate.describe(MIB, 36_001 * MIB).endswith("about 10 h left")
