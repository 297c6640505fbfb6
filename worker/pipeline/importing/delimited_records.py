"""Records of a delimited table (RFC 4180), found again after a malformed one."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass

from worker.pipeline.importing.lines import MAX_LINE_CHARS, Line, Lines

# A quote that is never closed would swallow the rest of the table into one field.
_MAX_LINES = 100


@dataclass(frozen=True, slots=True)
class Record:
    """One record: its fields, or why there are none, and where in the file it begins."""

    fields: list[str]
    fault: str | None = None
    offset: int = 0


def read_records(lines: Lines, delimiter: str) -> Iterator[Record]:
    """Read records; blank lines are none.

    A record that breaks the quoting rules costs only its first line: the lines behind it are read again as records of
    their own. In a tab separated table such a line is taken as it is, because programs that write those often quote
    nothing, and a caption may start with a quotation mark.
    """
    while True:
        source = _RecordLines(lines)
        try:
            fields = next(csv.reader(source, delimiter=delimiter, strict=True))
        except StopIteration:
            return
        except (csv.Error, _OverlongLineError) as error:
            first, *others = source.taken
            lines.give_back(others)
            if delimiter == "\t" and not first.is_overlong:
                yield Record(first.text.rstrip("\r\n").split(delimiter), offset=first.offset)
            else:
                yield Record([], fault=str(error), offset=first.offset)
            continue
        if any(field.strip() for field in fields) or len(fields) > 1:
            # Blank lines before the record were taken with it.
            offset = next((line.offset for line in source.taken if line.text.strip()), 0)
            yield Record(fields, offset=offset)


class _OverlongLineError(Exception):
    """A line is longer than any row may be."""


class _RecordLines:
    """Hands one record's lines to the parser and remembers them."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self.taken: list[Line] = []

    def __iter__(self) -> "_RecordLines":
        return self

    def __next__(self) -> str:
        line = self._lines.next() if len(self.taken) < _MAX_LINES else None
        if line is None:
            raise StopIteration
        self.taken.append(line)
        if line.is_overlong:
            raise _OverlongLineError(f"the line is longer than {MAX_LINE_CHARS} characters")
        return line.text
