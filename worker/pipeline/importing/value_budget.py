"""How many values a table may hold beside captions and images."""

from collections.abc import Mapping
from typing import Any

from worker.pipeline.importing.printable_text import printable
from worker.pipeline.importing.refusal import ArchiveRefusedError, RefusalCode

_MORE_OF_A_CONTAINER = 2  # An empty list takes as much memory as three short texts.


class ValueBudget:
    """Counts the values of other columns, which stay in memory until the end of the import.

    A value takes some 40 bytes there and one in the table, so that limits on bytes do not bound it.

    Args:
        limit: values in all.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._n_values = 0

    def spend(self, extra: Mapping[str, Any] | None, file: str) -> None:  # Any: JSON
        """Count the other columns of a row of a file, and what is nested in them; a list or object counts as three.

        Raises:
            ArchiveRefusedError: `too_many_values`.
        """
        pending: list[Any] = [extra] if extra else []  # Any: JSON
        while pending:
            found = pending.pop()
            inside = found.values() if isinstance(found, Mapping) else found
            nested = [value for value in inside if isinstance(value, dict | list)]
            self._n_values += len(found) + _MORE_OF_A_CONTAINER * len(nested)
            pending += nested
        if self._n_values > self._limit:
            raise ArchiveRefusedError(
                RefusalCode.TOO_MANY_VALUES,
                f"{printable(file)} holds more than {self._limit} values beside images and captions, "
                "which is the most allowed; leave out columns",
            )
