"""Preflights as the import stores them."""

from typing import Any


def preflight(**changed: Any) -> dict[str, Any]:  # Any: JSON
    """One of a small sound corpus, with other members where they are given."""
    numbers = {"min": 1.0, "median": 2.0, "p95": 3.0, "max": 4.0}
    return {
        "format": {
            "name": "coco",
            "is_forced": False,
            "why": "its lists",
            "runners_up": [{"name": "sidecar", "why": "x"}],
        },
        "n_rows": 4,
        "n_joined": 4,
        "join_rate": 1.0,
        "n_images": 3,
        "n_images_without_caption": 0,
        "n_other_files": 0,
        "faults": {},
        "samples": [],
        "captions": {
            "n_distinct": 4,
            "n_repeated": 0,
            "words": numbers,
            "per_image": numbers,
            "main_language": "en",
            "languages": {"en": 4},
            "n_language_sample": 4,
            "most_repeated": [],
        },
        "images": {"n_sampled": 3, "n_unreadable": 0, "width": numbers, "height": None},
        "estimated_run_s": 120.5,
        "warnings": [],
        "needs_confirmation": False,
    } | changed


WARNED: dict[str, Any] = {  # Any: JSON
    "join_rate": 0.5,
    "warnings": [{"code": "low_join_rate", "detail": "only 2 of 4 rows found their image"}],
    "needs_confirmation": True,
}
