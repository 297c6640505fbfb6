"""Report rows as JSON Lines."""

import json
from collections.abc import Generator

from app.core.repositories.reports import ReportEntry
from app.reports.csv_format import Batches


def encode_jsonl(batches: Batches) -> Generator[bytes, None, None]:
    """One JSON object a line, exact; a piece a batch."""
    for entries in batches:
        yield "".join(_line(entry) for entry in entries).encode()


def _line(entry: ReportEntry) -> str:
    row = {**entry._asdict(), "pair_id": str(entry.pair_id), "image_id": str(entry.image_id)}
    if entry.repair_image_id is not None:
        row["repair_image_id"] = str(entry.repair_image_id)
    return json.dumps(row, ensure_ascii=False, allow_nan=False) + "\n"
