import io
from collections.abc import Iterator

import pyarrow.parquet as pq
import pytest

from app.core.repositories.reports import ReportEntry
from app.reports import parquet_format
from app.reports.parquet_format import encode_parquet
from tests.app.reports.entries import FOUND, IMAGE_ID, PAIR_ID, SCORES, make_entry


def _batches(n_batches: int, n_rows: int) -> Iterator[list[ReportEntry]]:
    for batch in range(n_batches):
        yield [make_entry(rank=batch * n_rows + row + 1) for row in range(n_rows)]


class TestEncodeParquet:
    def test_a_row_comes_back_exact(self) -> None:
        entry = make_entry(caption="=1\n", source_id="", extra={"a": "\u00e9"})
        table = pq.read_table(io.BytesIO(b"".join(encode_parquet(iter([[entry]])))))
        row = table.to_pylist()[0]
        assert row == {
            **entry._asdict(),
            "pair_id": str(PAIR_ID),
            "image_id": str(IMAGE_ID),
            "extra": '{"a": "\u00e9"}',
        }

    def test_what_was_found_comes_back_exact(self) -> None:
        table = pq.read_table(io.BytesIO(b"".join(encode_parquet(iter([[make_entry(**FOUND, **SCORES)]])))))
        row = table.to_pylist()[0]
        assert {name: row[name] for name in FOUND} == FOUND | {
            "evidence": '{"gain": 0.5}',
            "repair_image_id": str(IMAGE_ID),
        }
        assert {name: row[name] for name in SCORES} == SCORES

    def test_no_rows_are_a_readable_file(self) -> None:
        assert pq.read_table(io.BytesIO(b"".join(encode_parquet(iter([]))))).num_rows == 0

    def test_each_row_group_leaves_before_the_next_is_read(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(parquet_format, "_ROW_GROUP_ROWS", 100)
        read: list[int] = []

        def watched() -> Iterator[list[ReportEntry]]:
            for number, batch in enumerate(_batches(6, 50)):
                read.append(number)
                yield batch

        pieces = encode_parquet(watched())
        first = next(pieces)
        assert first.startswith(b"PAR1")
        assert read == [0, 1]
        whole = pq.ParquetFile(io.BytesIO(first + b"".join(pieces)))
        assert [whole.metadata.row_group(group).num_rows for group in range(whole.num_row_groups)] == [100, 100, 100]
        assert whole.read().column("rank").to_pylist() == list(range(1, 301))

    def test_closing_it_early_is_no_error(self) -> None:
        pieces = encode_parquet(_batches(1, 5))
        next(pieces)
        pieces.close()
