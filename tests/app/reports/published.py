"""A corpus with published runs: what was found on it, and how its report is read over REST."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from fastapi.testclient import TestClient
from sqlalchemy.orm import Session

from app.core.models import Run

Committed = Callable[[], AbstractContextManager[Session]]

CAPTIONS = [["A Red circle", "50% off_now"], ["a red square", "=1+1"], ["blue", "back\\slash"]]
CORRESPONDENCE = [0.1, 0.9, 0.7, 0.2, 0.5, 0.3]  # by pair
WORST_FIRST = ["key-0", "key-3", "key-5", "key-4", "key-2", "key-1"]
READS = ("report", "report.csv", "report.jsonl", "report.parquet", "summary")
SURE = [0.0, 1.0, 0.875, 0.0625, 0.25, 0.125]  # by pair; the means of the worst: 0, 0.03125, 0.0625, 0.109375, 0.2625


def read_rows(client: TestClient, run: Run, **params: Any) -> list[dict[str, Any]]:
    response = client.get(f"/v1/runs/{run.id}/report", params=params)
    assert response.status_code == 200, response.text
    rows: list[dict[str, Any]] = response.json()["items"]
    return rows


def read_keys(client: TestClient, run: Run, **params: Any) -> list[str]:
    return [row["pair_key"] for row in read_rows(client, run, **params)]
