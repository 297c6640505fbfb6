import csv
import io
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.auth.service import KeyContext
from app.checks import schemas
from app.core.storage import Storage
from crcl_core import checks as library
from tests.app.checks.rows import store_checks
from tests.app.runs.rows import StoredCorpus, store_corpus
from tests.factories import Committed

CAPTIONS = [["ein Hund", "=1+1"], ["ein Hund", "a red square"], ["zwei Hunde"]]


@pytest.fixture
def stored(committed: Committed, context: KeyContext, storage: Storage) -> StoredCorpus:
    with committed() as session:
        return store_corpus(session, context.workspace_id, storage, CAPTIONS)


@pytest.fixture
def checked(committed: Committed, stored: StoredCorpus) -> StoredCorpus:
    with committed() as session:
        near = {"near_duplicate": 0.1, "near_duplicate_set": 0}
        store_checks(
            session,
            stored,
            [{"dark": 0.2, **near}, {"dark": 0.1}, {"dark": 0.9, **near, "near_duplicate": 0.05}],
            [{"duplicate": 0.5, "near_duplicate": None}, {"empty": 0.0}, {"wrong_language": 0.01}, {}],
        )
    return stored


def get(client: TestClient, stored: StoredCorpus, path: str = "", **params: Any) -> Any:  # Any: query values; JSON
    response = client.get(f"/v1/corpora/{stored.corpus.id}/checks{path}", params=params)
    assert response.status_code == 200, response.text
    return response.json()


class TestGetChecksSummary:
    def test_tells_counts_languages_and_warnings(self, client: TestClient, checked: StoredCorpus) -> None:
        summary = get(client, checked)
        assert summary["images"][0] == {"issue": "dark", "threshold": 0.35, "n_flagged": 1}
        assert (summary["main_language"], summary["n_image_sets"]) == ("de", 1)
        assert [warning["code"] for warning in summary["warnings"]] == ["corpus_not_english"]

    def test_before_the_first_run_there_is_none(self, client: TestClient, stored: StoredCorpus) -> None:
        response = client.get(f"/v1/corpora/{stored.corpus.id}/checks")
        assert (response.status_code, response.json()["code"]) == (409, "checks_not_ready")

    @pytest.mark.parametrize(
        "path", ["", "/images?issue=dark", "/captions?issue=empty", "/images.csv", "/captions.csv"]
    )
    def test_another_workspaces_corpus_is_unknown(
        self, other_client: TestClient, checked: StoredCorpus, path: str
    ) -> None:
        assert other_client.get(f"/v1/corpora/{checked.corpus.id}/checks{path}").status_code == 404


class TestListCheckedImages:
    def test_the_worst_comes_first_and_is_whole(self, client: TestClient, checked: StoredCorpus) -> None:
        items = get(client, checked, "/images", issue="dark")["items"]
        assert [item["source_path"] for item in items] == ["pictures/1.png", "pictures/0.png"]
        image = checked.images[0]
        assert items[1] == {
            "image_id": str(image.id),
            "source_path": "pictures/0.png",
            "width_px": image.width_px,
            "height_px": image.height_px,
            "score": pytest.approx(0.2),
            "is_near_duplicate": True,
            "near_duplicate_set": 0,
        }

    def test_a_threshold_of_the_readers_own_lists_more(self, client: TestClient, checked: StoredCorpus) -> None:
        assert len(get(client, checked, "/images", issue="dark", threshold=0.95)["items"]) == 3

    def test_near_duplicates_come_with_their_set(self, client: TestClient, checked: StoredCorpus) -> None:
        items = get(client, checked, "/images", issue="near_duplicate")["items"]
        assert [(item["source_path"], item["near_duplicate_set"]) for item in items] == [
            ("pictures/2.png", 0),
            ("pictures/0.png", 0),
        ]

    def test_pages_give_every_item_once(self, client: TestClient, checked: StoredCorpus) -> None:
        first = get(client, checked, "/images", issue="dark", limit=1)
        second = get(client, checked, "/images", issue="dark", limit=1, cursor=first["next_cursor"])
        assert [page["items"][0]["source_path"] for page in (first, second)] == ["pictures/1.png", "pictures/0.png"]
        assert second["next_cursor"] is None

    @pytest.mark.parametrize("issue", ["", "empty", "ugly"])
    def test_an_unknown_issue_is_refused(self, client: TestClient, checked: StoredCorpus, issue: str) -> None:
        url = f"/v1/corpora/{checked.corpus.id}/checks/images"
        assert client.get(url, params={"issue": issue}).status_code == 422


class TestListCheckedCaptions:
    def test_a_caption_comes_with_its_first_pair(self, client: TestClient, checked: StoredCorpus) -> None:
        (item,) = get(client, checked, "/captions", issue="duplicate")["items"]
        assert item == {
            "caption": "ein Hund",
            "pair_id": str(checked.pairs[0].id),
            "pair_key": "key-0",
            "language": "de",
            "score": 0.5,
            "is_near_duplicate": False,
            "near_duplicate_set": None,
        }

    def test_what_was_not_checked_is_not_listed(self, client: TestClient, checked: StoredCorpus) -> None:
        assert len(get(client, checked, "/captions", issue="near_duplicate", threshold=1)["items"]) == 0


class TestDownloads:
    def test_every_image_has_its_scores_and_its_issues(self, client: TestClient, checked: StoredCorpus) -> None:
        response = client.get(f"/v1/corpora/{checked.corpus.id}/checks/images.csv")
        rows = list(csv.DictReader(io.StringIO(response.text)))
        assert [row["issues"] for row in rows] == ["dark near_duplicate", "dark", "near_duplicate"]
        assert (rows[1]["near_duplicate_set"], rows[0]["tiny"]) == ("", "1.0")

    def test_captions_are_defused(self, client: TestClient, checked: StoredCorpus) -> None:
        response = client.get(f"/v1/corpora/{checked.corpus.id}/checks/captions.csv")
        rows = list(csv.DictReader(io.StringIO(response.text)))
        assert [row["caption"] for row in rows] == ["ein Hund", "'=1+1", "a red square", "zwei Hunde"]
        assert [row["issues"] for row in rows] == ["duplicate", "empty", "wrong_language", ""]
        assert response.headers["content-disposition"].startswith("attachment")


def test_the_issues_are_those_that_the_library_checks() -> None:
    assert list(schemas.ImageIssue) == [issue.value for issue in library.ImageIssue]
    assert list(schemas.CaptionIssue) == [issue.value for issue in library.CaptionIssue]
