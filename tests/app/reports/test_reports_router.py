import csv
import io
import json
import uuid
from typing import Any

import pyarrow.parquet as pq
import pytest
from fastapi.testclient import TestClient

from app.auth.service import KeyContext
from app.core.models import JobState, Run
from app.core.run_config import RunConfig
from app.core.storage import Storage
from app.pagination import encode_cursor
from tests.app.reports.published import (
    CORRESPONDENCE,
    READS,
    SURE,
    WORST_FIRST,
    Committed,
    read_keys,
    read_rows,
)
from tests.app.runs.rows import CALIBRATED, StoredCorpus, add_published_run, add_run, end_job, store_corpus


class TestListReport:
    def test_the_worst_row_comes_first_and_is_whole(self, client: TestClient, run: Run, stored: StoredCorpus) -> None:
        assert read_rows(client, run)[1] == {
            "pair_id": str(stored.pairs[3].id),
            "pair_key": "key-3",
            "rank": 2,
            "correspondence": 0.2,
            "correspondence_label": 0.2,
            "is_mismatch": True,
            "caption": "=1+1",
            "image_id": str(stored.images[1].id),
            "source_id": "user-3",
            "source_path": "pictures/1.png",
            "row_number": 4,
            "extra": {"licence": "by"},
            "reason_code": None,
            "evidence": None,
            "best_caption": None,
            "best_caption_correspondence": None,
            "repair_image_id": None,
            "is_near_duplicate": None,
            "near_duplicate_set": None,
            "correspondence_low": None,
            "correspondence_high": None,
            "expected_precision_at_cut": None,
            "lemon_score": None,
            "similarity_score": None,
            "caption_place": None,
            "base_correspondence": None,
            "change": None,
        }

    @pytest.mark.parametrize("limit", [1, 2, 5, 6, 7])
    def test_pages_of_any_size_give_every_row_once(self, client: TestClient, run: Run, limit: int) -> None:
        keys: list[str] = []
        cursor: str | None = None
        while True:
            params = {"limit": limit} | ({"cursor": cursor} if cursor else {})
            page = client.get(f"/v1/runs/{run.id}/report", params=params).json()
            keys += [row["pair_key"] for row in page["items"]]
            cursor = page["next_cursor"]
            if cursor is None:
                break
        assert keys == WORST_FIRST

    def test_the_flag_is_computed_on_read(self, client: TestClient, run: Run) -> None:
        flags = {
            threshold: [row["is_mismatch"] for row in read_rows(client, run, threshold=threshold)].count(True)
            for threshold in (0, 0.1, 0.2, 0.7, 0.71, 1)
        }
        # A row exactly on the threshold is not below it, though 0.7 as REAL is a little less than 0.7.
        assert flags == {0: 0, 0.1: 0, 0.2: 1, 0.7: 4, 0.71: 5, 1: 6}

    def test_the_runs_own_threshold_is_the_default(self, client: TestClient, run: Run) -> None:
        assert [row["is_mismatch"] for row in read_rows(client, run)] == [True, True, True, False, False, False]

    @pytest.mark.parametrize(
        ("params", "keys"),
        [
            ({"flag": "true"}, WORST_FIRST[:3]),
            ({"flag": "false"}, WORST_FIRST[3:]),
            ({"flag": "true", "threshold": 0.2}, WORST_FIRST[:1]),
            ({"min_correspondence": 0.7}, ["key-2", "key-1"]),
            ({"max_correspondence": 0.2}, ["key-0", "key-3"]),
            ({"min_correspondence": 0.2, "max_correspondence": 0.5}, ["key-3", "key-5", "key-4"]),
            ({"q": "RED"}, ["key-0", "key-2"]),
            ({"q": " circle red "}, ["key-0"]),
            ({"q": "%"}, ["key-1"]),
            ({"q": "f_n"}, ["key-1"]),
            ({"q": "k\\s"}, ["key-5"]),
            ({"q": "green"}, []),
            ({"q": ""}, WORST_FIRST),
        ],
    )
    def test_a_filter_keeps_its_rows_in_order(
        self, client: TestClient, run: Run, params: dict[str, Any], keys: list[str]
    ) -> None:
        assert read_keys(client, run, **params) == keys

    def test_an_images_pairs_can_be_asked_for(self, client: TestClient, run: Run, stored: StoredCorpus) -> None:
        assert read_keys(client, run, image_id=stored.images[2].id) == ["key-5", "key-4"]
        assert read_keys(client, run, image_id=uuid.uuid4()) == []

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("threshold", "nan"),
            ("threshold", "1.5"),
            ("fdr", "nan"),
            ("fdr", "0"),
            ("fdr", "1"),
            ("min_correspondence", "inf"),
            ("max_correspondence", "-0.1"),
            ("image_id", "1"),
            ("flag", "maybe"),
            ("q", "a\0b"),
            ("q", "a " * 21),
            ("cursor", "bm8"),
            ("limit", "501"),
        ],
    )
    def test_a_filter_that_cannot_be_is_refused(self, client: TestClient, run: Run, name: str, value: str) -> None:
        assert client.get(f"/v1/runs/{run.id}/report", params={name: value}).status_code == 422

    def test_a_page_after_the_largest_rank_is_empty(self, client: TestClient, run: Run) -> None:
        assert read_rows(client, run, cursor=encode_cursor(2**63 - 1)) == []

    def test_runs_of_one_corpus_keep_their_own_reports(
        self, client: TestClient, committed: Committed, stored: StoredCorpus, run: Run
    ) -> None:
        with committed() as session:
            other = add_published_run(session, stored, CORRESPONDENCE[::-1])
        assert read_keys(client, other)[0] == "key-5"
        assert read_keys(client, run) == WORST_FIRST


class TestAtARate:
    @pytest.mark.parametrize(("fdr", "n_flagged"), [(0.01, 1), (0.03125, 2), (0.1, 3), (0.11, 4), (0.3, 5)])
    def test_as_many_are_flagged_as_keep_the_rate(
        self, client: TestClient, calibrated: Run, fdr: float, n_flagged: int
    ) -> None:
        assert len(read_keys(client, calibrated, fdr=fdr, flag="true")) == n_flagged

    @pytest.mark.parametrize("read", ["report.csv", "report.jsonl"])
    def test_a_download_takes_a_rate(self, client: TestClient, calibrated: Run, read: str) -> None:
        text = client.get(f"/v1/runs/{calibrated.id}/{read}", params={"flag": "true", "fdr": 0.07}).text
        assert [number for number in range(6) if f"key-{number}" in text] == [0, 3, 5]

    def test_a_pair_takes_a_rate(self, client: TestClient, calibrated: Run, stored: StoredCorpus) -> None:
        url = f"/v1/runs/{calibrated.id}/pairs/{stored.pairs[4].id}"
        flags = [client.get(url, params={"fdr": fdr}).json()["is_mismatch"] for fdr in (0.07, 0.11)]
        assert flags == [False, True]

    @pytest.mark.parametrize("read", READS)
    def test_a_rate_and_a_threshold_exclude_each_other(self, client: TestClient, calibrated: Run, read: str) -> None:
        problem = client.get(f"/v1/runs/{calibrated.id}/{read}", params={"fdr": 0.1, "threshold": 0.5})
        assert (problem.status_code, problem.json()["code"]) == (422, "threshold_and_fdr")

    @pytest.mark.parametrize("read", READS)
    def test_a_run_that_is_not_calibrated_knows_no_rate(self, client: TestClient, run: Run, read: str) -> None:
        problem = client.get(f"/v1/runs/{run.id}/{read}", params={"fdr": 0.1})
        assert (problem.status_code, problem.json()["code"]) == (409, "not_calibrated")

    def test_why_it_is_not_calibrated_is_told(
        self, client: TestClient, committed: Committed, stored: StoredCorpus
    ) -> None:
        with committed() as session:
            summary = {"reliability": "insufficient", "reliability_reason": "too_few_decoys"}
            run = add_published_run(session, stored, SURE, summary=summary)
        problem = client.get(f"/v1/runs/{run.id}/report", params={"fdr": 0.1}).json()
        assert "is not calibrated (too_few_decoys)" in problem["detail"]

    def test_a_pair_of_an_uncalibrated_run_knows_no_rate(
        self, client: TestClient, run: Run, stored: StoredCorpus
    ) -> None:
        problem = client.get(f"/v1/runs/{run.id}/pairs/{stored.pairs[0].id}", params={"fdr": 0.1})
        assert (problem.status_code, problem.json()["code"]) == (409, "not_calibrated")


class TestPublishedThreshold:
    def test_the_published_threshold_is_the_default_where_the_configuration_has_none(
        self, client: TestClient, calibrated: Run
    ) -> None:
        assert read_keys(client, calibrated, flag="true") == ["key-0", "key-3", "key-5", "key-4"]

    def test_it_is_the_default_whatever_the_configuration_says(
        self, client: TestClient, committed: Committed, stored: StoredCorpus
    ) -> None:
        with committed() as session:
            config = RunConfig(encoder="toy", threshold=0.9)
            run = add_published_run(session, stored, SURE, config=config, summary={"threshold": 0.1})
        assert read_keys(client, run, flag="true") == ["key-0", "key-3"]


class TestBeforePublication:
    @pytest.mark.parametrize("read", READS)
    def test_a_queued_run_has_no_report_yet(
        self, client: TestClient, committed: Committed, stored: StoredCorpus, read: str
    ) -> None:
        with committed() as session:
            queued = add_run(session, stored)
        problem = client.get(f"/v1/runs/{queued.id}/{read}")
        assert (problem.status_code, problem.json()["code"]) == (409, "report_not_ready")

    def test_a_failed_run_will_never_have_one(
        self, client: TestClient, committed: Committed, stored: StoredCorpus
    ) -> None:
        with committed() as session:
            failed = add_run(session, stored)
            end_job(session, failed.job_id, JobState.FAILED)
        assert "never will" in client.get(f"/v1/runs/{failed.id}/report").json()["detail"]


class TestOtherWorkspace:
    @pytest.mark.parametrize("read", READS)
    def test_another_workspaces_report_is_unknown(self, other_client: TestClient, run: Run, read: str) -> None:
        assert other_client.get(f"/v1/runs/{run.id}/{read}").status_code == 404

    def test_another_workspaces_pair_is_unknown(self, other_client: TestClient, run: Run, stored: StoredCorpus) -> None:
        assert other_client.get(f"/v1/runs/{run.id}/pairs/{stored.pairs[0].id}").status_code == 404


class TestDownloads:
    def test_csv_is_an_attachment_with_formulas_defused(self, client: TestClient, run: Run) -> None:
        response = client.get(f"/v1/runs/{run.id}/report.csv")
        rows = list(csv.DictReader(io.StringIO(response.text, newline="")))
        assert response.headers["content-type"] == "text/csv; charset=utf-8"
        assert f'filename="mispair-report-{run.id}.csv"' in response.headers["content-disposition"]
        assert [row["pair_key"] for row in rows] == WORST_FIRST
        assert (rows[1]["caption"], rows[1]["is_mismatch"], rows[1]["correspondence"]) == ("'=1+1", "true", "0.2")

    def test_raw_csv_is_exact(self, client: TestClient, run: Run) -> None:
        response = client.get(f"/v1/runs/{run.id}/report.csv", params={"raw": 1})
        assert ",=1+1," in response.text

    def test_jsonl_has_the_rows_of_the_list(self, client: TestClient, run: Run) -> None:
        response = client.get(f"/v1/runs/{run.id}/report.jsonl")
        assert response.headers["content-type"] == "application/x-ndjson"
        assert [json.loads(line) for line in response.text.splitlines()] == read_rows(client, run)

    def test_parquet_has_the_rows_of_the_list(self, client: TestClient, run: Run) -> None:
        response = client.get(f"/v1/runs/{run.id}/report.parquet")
        rows = pq.read_table(io.BytesIO(response.content)).to_pylist()
        assert [row["pair_key"] for row in rows] == WORST_FIRST
        assert rows[0]["correspondence"] == pytest.approx(0.1)

    @pytest.mark.parametrize("read", ["report.csv", "report.jsonl"])
    def test_a_download_takes_the_filters_of_the_list(self, client: TestClient, run: Run, read: str) -> None:
        text = client.get(f"/v1/runs/{run.id}/{read}", params={"flag": "true", "q": "red", "threshold": 0.8}).text
        assert [key for key in WORST_FIRST if key in text] == ["key-0", "key-2"]


class TestSummary:
    def test_flags_are_counted_at_the_threshold_asked_for(self, client: TestClient, run: Run) -> None:
        url = f"/v1/runs/{run.id}/summary"
        own, other = client.get(url).json(), client.get(url, params={"threshold": 0.7}).json()
        assert (own["threshold"], own["n_flagged"]) == (0.5, 3)
        assert (other["threshold"], other["n_flagged"]) == (0.7, 4)
        assert {**other, "threshold": 0.5, "n_flagged": 3} == own

    def test_a_run_that_is_not_calibrated_expects_nothing(self, client: TestClient, run: Run) -> None:
        summary = client.get(f"/v1/runs/{run.id}/summary").json()
        names = ("is_calibrated", "n_decoys", "noise_rate", "fdr", "expected_precision", "expected_recall")
        assert [summary[name] for name in names] == [False, 0, None, None, None, None]

    def test_what_to_expect_is_counted_at_the_runs_own_threshold(self, client: TestClient, calibrated: Run) -> None:
        summary = client.get(f"/v1/runs/{calibrated.id}/summary").json()
        assert (summary["threshold"], summary["fdr"], summary["n_flagged"]) == (0.3, 0.1, 4)
        assert summary["expected_precision"] == pytest.approx(3.5625 / 4)
        assert summary["expected_recall"] == pytest.approx(3.5625 / 3.6875)

    def test_calibration_is_told(self, client: TestClient, calibrated: Run) -> None:
        summary = client.get(f"/v1/runs/{calibrated.id}/summary").json()
        assert {name: summary[name] for name in CALIBRATED} == CALIBRATED

    def test_a_threshold_asked_for_recounts_all_and_has_no_rate(self, client: TestClient, calibrated: Run) -> None:
        summary = client.get(f"/v1/runs/{calibrated.id}/summary", params={"threshold": 0.1}).json()
        assert (summary["threshold"], summary["fdr"], summary["n_flagged"]) == (0.1, None, 2)
        assert summary["expected_precision"] == pytest.approx(1.9375 / 2)
        assert summary["expected_recall"] == pytest.approx(1.9375 / 3.6875)

    def test_a_rate_asked_for_recounts_all(self, client: TestClient, calibrated: Run) -> None:
        summary = client.get(f"/v1/runs/{calibrated.id}/summary", params={"fdr": 0.0625}).json()
        assert (summary["threshold"], summary["fdr"], summary["n_flagged"]) == (0.25, 0.0625, 3)
        assert summary["expected_precision"] == pytest.approx(0.9375)

    def test_where_nothing_is_flagged_there_is_no_precision(self, client: TestClient, calibrated: Run) -> None:
        summary = client.get(f"/v1/runs/{calibrated.id}/summary", params={"threshold": 0}).json()
        assert (summary["expected_precision"], summary["expected_recall"]) == (None, 0.0)

    def test_where_no_mismatch_is_expected_there_is_no_recall(
        self, client: TestClient, committed: Committed, stored: StoredCorpus
    ) -> None:
        with committed() as session:
            run = add_published_run(session, stored, [1.0] * 6, summary=CALIBRATED)
        assert client.get(f"/v1/runs/{run.id}/summary").json()["expected_recall"] is None


class TestGetPair:
    def test_a_pair_comes_with_its_image_and_all_its_captions(
        self, client: TestClient, run: Run, stored: StoredCorpus
    ) -> None:
        pair = client.get(f"/v1/runs/{run.id}/pairs/{stored.pairs[4].id}", params={"threshold": 0.6}).json()
        assert (pair["pair_key"], pair["rank"], pair["is_mismatch"], pair["caption"]) == ("key-4", 4, True, "blue")
        assert (pair["image"]["image_id"], pair["image"]["width_px"]) == (str(stored.images[2].id), 302)
        assert [(found["pair_key"], found["is_mismatch"]) for found in pair["captions"]] == [
            ("key-5", True),
            ("key-4", True),
        ]

    def test_a_pair_of_another_corpus_is_unknown(
        self, client: TestClient, committed: Committed, context: KeyContext, storage: Storage, run: Run
    ) -> None:
        with committed() as session:
            other = store_corpus(session, context.workspace_id, storage, [["a cat"]])
        assert client.get(f"/v1/runs/{run.id}/pairs/{other.pairs[0].id}").status_code == 404
