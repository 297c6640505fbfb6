"""All scores of images or captions as CSV (RFC 4180) that a spreadsheet cannot be made to run."""

import csv
import io
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence

from app.core.repositories.checks import CaptionCheckEntry, ImageCheckEntry
from app.spreadsheets import defused

Entry = ImageCheckEntry | CaptionCheckEntry


def encode_checks_csv(
    columns: Sequence[str], batches: Iterator[Sequence[Entry]], thresholds: Mapping[str, float]
) -> Generator[bytes, None, None]:
    """The header, then a line an item; a piece a batch. The last column, `issues`, names what is flagged.

    Args:
        columns: the names of an entry's values.
        batches: the entries.
        thresholds: issue = the score below which it is flagged.
    """
    yield _lines([(*columns, "issues")])
    for entries in batches:
        yield _lines((*map(_cell, entry), " ".join(_flagged(entry, thresholds))) for entry in entries)


def _flagged(entry: Entry, thresholds: Mapping[str, float]) -> Iterator[str]:
    scores = entry._asdict()
    for issue, threshold in thresholds.items():
        if scores[issue] is not None and scores[issue] < threshold:
            yield issue


def _cell(value: object) -> object:
    return defused(value) if isinstance(value, str) else value


def _lines(rows: Iterable[Sequence[object]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()
