import json

import numpy as np
from fastapi.testclient import TestClient
from sqlalchemy import select

from app.core.models import ReportRow, Run
from app.core.storage import Storage
from tests.app.checks.rows import store_checks
from tests.app.reports.entries import FOUND
from tests.app.reports.published import CORRESPONDENCE, SURE, Committed, read_keys, read_rows
from tests.app.runs.rows import CALIBRATED, StoredCorpus, add_published_run


class TestNearDuplicates:
    def test_rows_tell_them_and_are_filtered_by_them(
        self, client: TestClient, run: Run, stored: StoredCorpus, committed: Committed
    ) -> None:
        near = {"near_duplicate": 0.1, "near_duplicate_set": 0}
        with committed() as session:
            store_checks(session, stored, [near, {}, near], [{}] * 6)
        rows = read_rows(client, run, near_duplicate=True)
        assert [row["pair_key"] for row in rows] == ["key-0", "key-5", "key-4", "key-1"]
        assert {(row["is_near_duplicate"], row["near_duplicate_set"]) for row in rows} == {(True, 0)}
        rows = read_rows(client, run, near_duplicate=False)
        assert [(row["pair_key"], row["is_near_duplicate"]) for row in rows] == [("key-3", False), ("key-2", False)]

    def test_a_corpus_that_was_not_checked_has_none_of_either_kind(self, client: TestClient, run: Run) -> None:
        assert [read_rows(client, run, near_duplicate=flag) for flag in (True, False)] == [[], []]


class TestBestCaptions:
    def test_the_best_captions_of_each_image_are_kept(
        self, client: TestClient, run: Run, stored: StoredCorpus, committed: Committed
    ) -> None:
        places = dict(zip((pair.id for pair in stored.pairs), (2, 1, 1, 2, 1, 2), strict=True))
        with committed() as session:
            for row in session.execute(select(ReportRow).where(ReportRow.run_id == run.id)).scalars():
                row.caption_place = places[row.pair_id]
        rows = read_rows(client, run, best_captions=1)
        assert [(row["pair_key"], row["caption_place"]) for row in rows] == [("key-4", 1), ("key-2", 1), ("key-1", 1)]
        assert len(read_rows(client, run, best_captions=2)) == 6


class TestNearRecall:
    def test_near_mismatches_are_counted_at_any_threshold(
        self, client: TestClient, committed: Committed, stored: StoredCorpus
    ) -> None:
        with committed() as session:
            near = {"near_decoy_histogram": [1, 1] + [0] * 17 + [2]}
            run = add_published_run(session, stored, SURE, summary=CALIBRATED | near)
        summary = client.get(f"/v1/runs/{run.id}/summary", params={"threshold": 0.1}).json()
        assert summary["near_recall"] == 0.5

    def test_a_run_without_near_decoys_knows_nothing_of_them(self, client: TestClient, run: Run) -> None:
        assert client.get(f"/v1/runs/{run.id}/summary").json()["near_recall"] is None


class TestTrajectory:
    def test_a_pair_shows_its_label_after_each_epoch(
        self, client: TestClient, committed: Committed, stored: StoredCorpus, storage: Storage
    ) -> None:
        with committed() as session:
            run = add_published_run(
                session, stored, CORRESPONDENCE, summary={"round_epochs": [1, 2], "warmup_epochs": 1}
            )
        labels = np.arange(6 * 5).reshape(6, 5).astype("<f2") / 32
        with storage.writer(f"runs/{run.id}/1/trajectories.f16") as file:
            file.write(labels.tobytes())
        pair = client.get(f"/v1/runs/{run.id}/pairs/{stored.pairs[4].id}").json()
        assert [point["label"] for point in pair["trajectory"]] == labels[4].tolist()
        assert [point["round"] for point in pair["trajectory"]] == [0, 0, 1, 1, 1]

    def test_a_run_that_is_older_than_the_record_has_none(
        self, client: TestClient, run: Run, stored: StoredCorpus
    ) -> None:
        assert client.get(f"/v1/runs/{run.id}/pairs/{stored.pairs[4].id}").json()["trajectory"] == []


class TestReasons:
    def test_a_row_tells_its_reason_with_the_evidence(
        self, client: TestClient, explained: Run, stored: StoredCorpus
    ) -> None:
        row = read_rows(client, explained)[0]
        assert {name: row[name] for name in FOUND} == FOUND | {"repair_image_id": str(stored.images[2].id)}

    def test_only_one_reason_can_be_asked_for(self, client: TestClient, explained: Run) -> None:
        assert read_keys(client, explained, reason="better_caption") == ["key-0"]
        assert read_keys(client, explained, reason="uncertain") == ["key-3", "key-5"]
        assert read_keys(client, explained, reason="better_image") == []

    def test_a_download_takes_a_reason(self, client: TestClient, explained: Run) -> None:
        lines = client.get(f"/v1/runs/{explained.id}/report.jsonl", params={"reason": "uncertain"}).text.splitlines()
        assert [json.loads(line)["pair_key"] for line in lines] == ["key-3", "key-5"]

    def test_a_reason_that_does_not_exist_is_refused(self, client: TestClient, explained: Run) -> None:
        assert client.get(f"/v1/runs/{explained.id}/report", params={"reason": "bad_luck"}).status_code == 422

    def test_a_pair_shows_its_reason(self, client: TestClient, explained: Run, stored: StoredCorpus) -> None:
        pair = client.get(f"/v1/runs/{explained.id}/pairs/{stored.pairs[0].id}").json()
        assert (pair["reason_code"], pair["evidence"]) == ("better_caption", {"gain": 0.5})

    def test_reasons_of_flagged_pairs_are_counted_at_any_threshold(self, client: TestClient, explained: Run) -> None:
        def reasons(**params: float) -> dict[str, int]:
            counts: dict[str, int] = client.get(f"/v1/runs/{explained.id}/summary", params=params).json()["reasons"]
            return counts

        assert reasons() == {"uncertain": 2, "better_caption": 1}
        assert reasons(threshold=0.3) == {"better_caption": 1, "uncertain": 1}

    def test_a_summary_that_is_older_than_reasons_has_no_causes(self, client: TestClient, run: Run) -> None:
        summary = client.get(f"/v1/runs/{run.id}/summary").json()
        assert (summary["reasons"], summary["causes"]) == ({}, [])
