"""A run that is large enough for decoys, with real stage processes, read over REST."""

import io
import json
import uuid
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image
from sqlalchemy import select

from app.core.models import Job, JobKind, JobState
from tests.factories import Committed
from tests.worker.archives import zip_file
from tests.worker.jobs import TOY_CONFIG
from worker.context import WorkerContext
from worker.tasks.import_corpus import import_corpus
from worker.tasks.run_cleaning import run_cleaning

_N_PAIRS = 1500
_NOISE_RATE = 0.3
_COLOURS = {
    "red": (200, 30, 30),
    "green": (30, 200, 30),
    "blue": (30, 30, 200),
    "grey": (120, 120, 120),
    "yellow": (220, 220, 40),
    "white": (250, 250, 250),
    "black": (10, 10, 10),
    "pink": (250, 130, 200),
}
_PLACES = ("top left", "top right", "bottom left", "bottom right")


def quartered_corpus(path: Path) -> Path:
    """A zip of pictures of four colours, each with a caption that names them; three in ten captions are exchanged."""
    random = np.random.default_rng(0)
    names, values = list(_COLOURS), np.array(list(_COLOURS.values()), dtype=np.uint8)
    chosen = random.integers(0, len(names), (_N_PAIRS, len(_PLACES)))
    told = chosen.copy()
    n_wrong = round(_NOISE_RATE * _N_PAIRS)
    told[:n_wrong] = np.roll(chosen[:n_wrong], 1, axis=0)
    files: dict[str, bytes] = {}
    rows = ["id,image,caption"]
    for number in range(_N_PAIRS):
        picture = values[chosen[number]].reshape(2, 2, 3).repeat(4, axis=0).repeat(4, axis=1)
        file = io.BytesIO()
        Image.fromarray(picture).save(file, "PNG")
        files[f"images/{number}.png"] = file.getvalue()
        words = " and ".join(f"{names[colour]} {place}" for colour, place in zip(told[number], _PLACES, strict=True))
        rows.append(f"{number},images/{number}.png,{words}")
    return zip_file(path, {**files, "captions.csv": "\n".join(rows).encode()})


class TestThroughTheService:
    def test_a_run_with_decoys_says_how_much_is_wrong_and_flags_at_any_rate(
        self, client: TestClient, worker: WorkerContext, committed: Committed, tmp_path: Path
    ) -> None:
        corpus_id = client.post("/v1/corpora", json={"name": "colours"}).json()["id"]
        archive = quartered_corpus(tmp_path / "corpus.zip").read_bytes()
        assert client.put(f"/v1/corpora/{corpus_id}/archive", content=archive).status_code == 202
        import_corpus(worker, _queued_job(committed, JobKind.IMPORT))
        config = TOY_CONFIG | {"round_epochs": [3, 6], "batch_size": 64, "scorers": ["lemon", "similarity"]}
        # Three in ten captions stand one row behind their image, which the preflight has seen too.
        refused = client.post(f"/v1/corpora/{corpus_id}/runs", json=config)
        assert (refused.status_code, refused.json()["code"]) == (409, "preflight_unconfirmed")
        answer = client.post(f"/v1/corpora/{corpus_id}/runs", json=config | {"confirm_warnings": True})
        assert answer.status_code == 202, answer.text
        run_cleaning(worker, _queued_job(committed, JobKind.RUN))
        run = f"/v1/runs/{answer.json()['id']}"
        summary = client.get(run).json()["summary"]
        self._check_calibration(summary)
        self._check_decoys_are_in_no_report(client, run)
        self._check_rates(client, run, summary)
        self._check_reasons(client, run, summary)
        self._check_scores(client, run, summary)
        self._check_repairs(client, run)

    def _check_calibration(self, summary: dict[str, Any]) -> None:  # Any: JSON
        assert (summary["is_calibrated"], summary["fdr"]) == (True, 0.1)
        assert summary["n_decoys"] >= 200
        assert summary["noise_rate_low"] <= _NOISE_RATE <= summary["noise_rate_high"]
        assert abs(summary["noise_rate"] - _NOISE_RATE) < 0.1
        assert summary["expected_precision"] >= 0.9

    def _check_decoys_are_in_no_report(self, client: TestClient, run: str) -> None:
        lines = client.get(f"{run}/report.jsonl").text.splitlines()
        assert sorted(int(json.loads(line)["pair_key"]) for line in lines) == list(range(_N_PAIRS))

    def _check_rates(self, client: TestClient, run: str, summary: dict[str, Any]) -> None:  # Any: JSON
        at = {fdr: client.get(f"{run}/summary", params={"fdr": fdr}).json() for fdr in (0.01, 0.1)}
        # By default nothing that is likelier right than wrong is flagged, though the rate has room for it here.
        assert summary["threshold"] == 0.5
        assert summary["n_flagged"] == client.get(f"{run}/summary").json()["n_flagged"]
        assert 0 < at[0.01]["n_flagged"] <= summary["n_flagged"] <= at[0.1]["n_flagged"]
        assert at[0.01]["expected_precision"] >= 0.99
        flagged = client.get(f"{run}/report.jsonl", params={"fdr": 0.01, "flag": "true"}).text.splitlines()
        n_right = sum(int(json.loads(line)["pair_key"]) < _NOISE_RATE * _N_PAIRS for line in flagged)
        assert n_right / len(flagged) >= 0.95

    def _check_reasons(self, client: TestClient, run: str, summary: dict[str, Any]) -> None:  # Any: JSON
        rows = [json.loads(line) for line in client.get(f"{run}/report.jsonl").text.splitlines()]
        assert all((row["reason_code"] is not None) == (row["correspondence"] < 0.5) for row in rows)
        assert sum(summary["reasons"].values()) == summary["n_flagged"]
        # Every wrong caption stands one row behind its own image.
        found = [row for row in rows if row["reason_code"] == "shifted_block"]
        assert len(found) >= summary["n_flagged"] / 2
        asked = client.get(f"{run}/report.jsonl", params={"reason": "better_caption"}).text.splitlines()
        assert [json.loads(line)["pair_id"] for line in asked] == [
            row["pair_id"] for row in rows if row["reason_code"] == "better_caption"
        ]

    def _check_scores(self, client: TestClient, run: str, summary: dict[str, Any]) -> None:  # Any: JSON
        rows = [json.loads(line) for line in client.get(f"{run}/report.jsonl").text.splitlines()]
        assert all(row["correspondence_low"] <= row["correspondence"] <= row["correspondence_high"] for row in rows)
        at_cut = rows[summary["n_flagged"] - 1]["expected_precision_at_cut"]
        assert at_cut == pytest.approx(summary["expected_precision"], abs=1e-4)
        is_wrong = [int(row["pair_key"]) < _NOISE_RATE * _N_PAIRS for row in rows]
        of_wrong = [row["lemon_score"] for row, wrong in zip(rows, is_wrong, strict=True) if wrong]
        of_right = [row["lemon_score"] for row, wrong in zip(rows, is_wrong, strict=True) if not wrong]
        assert np.mean(of_wrong) < np.mean(of_right)
        # The toy encoder has no joint space.
        assert {row["similarity_score"] for row in rows} == {None}
        worst = client.get(f"{run}/pairs/{rows[0]['pair_id']}").json()["trajectory"]
        n_warmup = summary["warmup_epochs"]
        assert [point["round"] for point in worst] == [0] * (3 + n_warmup) + [1] * (6 + n_warmup)
        assert worst[-1]["label"] < 0.5
        assert summary["fold_unit"] == "pair"
        best = client.get(f"{run}/report.jsonl", params={"best_captions": 1}).text.splitlines()
        assert len(best) == len({row["image_id"] for row in rows})
        near = client.get(f"{run}/pairs/{rows[-1]['pair_id']}/neighbours", params={"k": 3}).json()
        assert [len(near[of][kind]) for of in near for kind in near[of]] == [3, 3, 3, 3]

    def _check_repairs(self, client: TestClient, run: str) -> None:
        repair = client.get(f"{run}/repairs").json()["items"][0]
        assert (repair["kind"], repair["offset"]) == ("shift", 1)
        assert (repair["first_row"], repair["last_row"]) == (1, round(_NOISE_RATE * _N_PAIRS) - 1)
        assert repair["before"] < 0.2 < 0.8 < repair["after"]
        lines = client.get(f"{run}/repairs.csv", params={"kind": "shift"}).text.splitlines()
        assert len(lines) == 1 + repair["n_pairs"]


def _queued_job(committed: Committed, kind: JobKind) -> uuid.UUID:
    with committed() as session:
        return session.execute(select(Job.id).where(Job.kind == kind, Job.state == JobState.QUEUED)).scalar_one()
