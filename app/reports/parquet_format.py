"""Report rows as Parquet, made row group by row group."""

import io
import json
from collections.abc import Generator, Iterator
from typing import Any, final

from app.core.repositories.reports import ReportEntry
from app.reports.csv_format import Batches

_ROW_GROUP_ROWS = 20_000


def encode_parquet(batches: Batches) -> Generator[bytes, None, None]:
    """A Parquet file in pieces, exact; at most one row group is in memory. `extra` and `evidence` are JSON text."""
    # Imported here because a process that never serves Parquet should not carry it.
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pa.schema(
        [
            pa.field("pair_id", pa.string(), nullable=False),
            pa.field("pair_key", pa.string(), nullable=False),
            pa.field("rank", pa.int32(), nullable=False),
            pa.field("correspondence", pa.float32(), nullable=False),
            pa.field("correspondence_label", pa.float32(), nullable=False),
            pa.field("is_mismatch", pa.bool_(), nullable=False),
            pa.field("caption", pa.string(), nullable=False),
            pa.field("image_id", pa.string(), nullable=False),
            pa.field("source_id", pa.string()),
            pa.field("source_path", pa.string(), nullable=False),
            pa.field("row_number", pa.int32(), nullable=False),
            pa.field("extra", pa.string()),
            pa.field("reason_code", pa.string()),
            pa.field("evidence", pa.string()),
            pa.field("best_caption", pa.string()),
            pa.field("best_caption_correspondence", pa.float32()),
            pa.field("repair_image_id", pa.string()),
            pa.field("is_near_duplicate", pa.bool_()),
            pa.field("near_duplicate_set", pa.int32()),
            pa.field("correspondence_low", pa.float32()),
            pa.field("correspondence_high", pa.float32()),
            pa.field("expected_precision_at_cut", pa.float32()),
            pa.field("lemon_score", pa.float32()),
            pa.field("similarity_score", pa.float32()),
            pa.field("caption_place", pa.int32()),
            pa.field("base_correspondence", pa.float32()),
            pa.field("change", pa.string()),
        ]
    )
    buffer = _Drained()
    with pq.ParquetWriter(pa.PythonFile(buffer, mode="w"), schema, compression="zstd") as writer:
        for entries in _regrouped(batches, _ROW_GROUP_ROWS):
            writer.write_batch(pa.record_batch(_columns(entries), schema=schema))
            yield buffer.drain()
    yield buffer.drain()


@final
class _Drained(io.RawIOBase):
    """A file that is written on one side and emptied on the other; it only remembers how much has passed."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._n_bytes = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:  # Any: pyarrow hands over a buffer of its own
        piece = bytes(data)
        self._pieces.append(piece)
        self._n_bytes += len(piece)
        return len(piece)

    def tell(self) -> int:
        return self._n_bytes

    def drain(self) -> bytes:
        data = b"".join(self._pieces)
        self._pieces.clear()
        return data


def _columns(entries: list[ReportEntry]) -> list[list[object]]:
    columns: list[list[object]] = [list(column) for column in zip(*entries, strict=True)]
    for name in ("pair_id", "image_id", "repair_image_id"):
        position = ReportEntry._fields.index(name)
        columns[position] = [None if value is None else str(value) for value in columns[position]]
    for name in ("extra", "evidence"):
        position = ReportEntry._fields.index(name)
        columns[position] = [
            None if value is None else json.dumps(value, ensure_ascii=False) for value in columns[position]
        ]
    return columns


def _regrouped(batches: Batches, n_rows: int) -> Iterator[list[ReportEntry]]:
    """The same rows in lists of `n_rows`, the last one shorter; never an empty one."""
    group: list[ReportEntry] = []
    for entries in batches:
        group.extend(entries)
        if len(group) >= n_rows:
            yield group
            group = []
    if group:
        yield group
