"""Report rows without a database."""

import uuid
from typing import Any

from app.core.repositories.reports import ReportEntry

PAIR_ID = uuid.UUID("01890000-0000-7000-8000-000000000001")
IMAGE_ID = uuid.UUID("01890000-0000-7000-8000-000000000002")

FOUND: dict[str, Any] = {  # Any: the fields' own types
    "reason_code": "better_caption",
    "evidence": {"gain": 0.5},
    "best_caption": "=1+1",
    "best_caption_correspondence": 0.75,
    "repair_image_id": IMAGE_ID,
}

SCORES: dict[str, Any] = {  # Any: the fields' own types
    "correspondence_low": 0.125,
    "correspondence_high": 0.375,
    "expected_precision_at_cut": 0.875,
    "lemon_score": 0.25,
    "similarity_score": 0.625,
    "caption_place": 2,
    "base_correspondence": 0.5,
    "change": "regressed",
}


def make_entry(**changes: Any) -> ReportEntry:  # Any: the fields' own types
    """A row about a red circle, with some fields changed."""
    entry = ReportEntry(
        pair_id=PAIR_ID,
        pair_key="k1",
        rank=1,
        correspondence=0.25,
        correspondence_label=0.5,
        is_mismatch=True,
        caption="a red circle",
        image_id=IMAGE_ID,
        source_id=None,
        source_path="images/1.png",
        row_number=1,
        extra=None,
    )
    return entry._replace(**changes)
