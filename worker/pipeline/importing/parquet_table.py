"""Parquet files that nobody vouches for, record by record."""

from collections.abc import Iterator, Sequence
from typing import IO, Any, final

import pyarrow as pa
import pyarrow.parquet as pq

from worker.pipeline.importing.json_values import UnfitJsonError, check_texts
from worker.pipeline.importing.limits import ImportLimits
from worker.pipeline.importing.printable_text import printable
from worker.pipeline.importing.refusal import ArchiveRefusedError, RefusalCode

_BATCH_ROWS = 256
_IMAGE_BATCH_ROWS = 16  # a file may hold one large cell and point to it from many rows
_MAX_COLUMNS = 1000
# What pyarrow raises on damaged input, beside its own errors.
_FAULTS = (pa.ArrowException, OSError, ValueError, TypeError, KeyError, IndexError, OverflowError, NotImplementedError,
           MemoryError)  # fmt: skip


@final
class ParquetTable:
    """One parquet file, whose sizes were checked against the limits before any page is decoded.

    Attributes:
        names: of the top-level columns.

    Raises:
        ArchiveRefusedError: `unreadable_table`, `manifest_too_large` or `too_many_rows`.
    """

    def __init__(self, file: IO[bytes], name: str, limits: ImportLimits) -> None:
        self._name = name
        try:
            self._file = pq.ParquetFile(file, pre_buffer=False, memory_map=False)
            metadata = self._file.metadata
            n_rows, n_groups, n_columns = metadata.num_rows, metadata.num_row_groups, metadata.num_columns
            largest = max((metadata.row_group(group).total_byte_size for group in range(n_groups)), default=0)
        except _FAULTS as error:
            raise self._unreadable(error) from error
        if n_rows > limits.max_rows:
            raise ArchiveRefusedError(
                RefusalCode.TOO_MANY_ROWS, f"{printable(name)} has {n_rows} rows, at most {limits.max_rows} are allowed"
            )
        if largest > limits.max_row_group_bytes or n_columns > _MAX_COLUMNS:
            raise ArchiveRefusedError(
                RefusalCode.MANIFEST_TOO_LARGE,
                f"{printable(name)} has a row group of {largest} bytes and {n_columns} columns, at most "
                f"{limits.max_row_group_bytes} and {_MAX_COLUMNS} are allowed",
            )
        schema = self._file.schema_arrow
        self.names: list[str] = list(schema.names)
        self.types: dict[str, pa.DataType] = {field.name: field.type for field in schema}

    def records(
        self, names: Sequence[str] | None = None, *, with_images: bool = False
    ) -> Iterator[dict[str, Any]]:  # Any: typed values
        """Every record, in order.

        Args:
            names: only these columns.
            with_images: cells may be large; fewer are held at once.

        Raises:
            ArchiveRefusedError: `unreadable_table`.
        """
        batches = self._batches(names, _IMAGE_BATCH_ROWS if with_images else _BATCH_ROWS)
        while True:
            try:
                batch = next(batches, None)
                if batch is None:
                    return
                batch.validate(full=True)
                records = batch.to_pylist()
            except _FAULTS as error:
                raise self._unreadable(error) from error
            yield from records

    def _batches(self, names: Sequence[str] | None, batch_rows: int) -> Iterator[pa.RecordBatch]:
        yield from self._file.iter_batches(
            batch_size=batch_rows, columns=None if names is None else list(names), use_threads=False
        )

    def _unreadable(self, error: BaseException) -> ArchiveRefusedError:
        return ArchiveRefusedError(
            RefusalCode.UNREADABLE_TABLE,
            f"{printable(self._name)} cannot be read as parquet: {printable(str(error))}",
        )


def is_text(kind: pa.DataType) -> bool:
    """Whether a column holds texts, also as a dictionary."""
    value = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(value) or pa.types.is_large_string(value) or pa.types.is_string_view(value))


def text_fault(record: dict[str, Any]) -> str | None:  # Any: JSON
    """Why a record cannot be kept, where its texts cannot."""
    try:
        check_texts(record)
    except UnfitJsonError as error:
        return str(error)
    return None
