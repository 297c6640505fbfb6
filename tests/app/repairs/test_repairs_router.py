import csv
import io
import uuid
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.auth.service import KeyContext
from app.core.models import Repair, RepairKind, RepairPair, Run
from app.core.storage import Storage
from tests.app.runs.rows import StoredCorpus, add_published_run, add_run, store_corpus
from tests.factories import Committed

CAPTIONS = [["a"], ["=b"], ["c"], ["d"], ["e"], ["f"], ["g"], ["h"]]
SHIFT = ((0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (5, 6))  # (pair, the pair whose caption it should have)


@pytest.fixture
def stored(committed: Committed, context: KeyContext, storage: Storage) -> StoredCorpus:
    with committed() as session:
        return store_corpus(session, context.workspace_id, storage, CAPTIONS)


@pytest.fixture
def run(committed: Committed, stored: StoredCorpus) -> Run:
    """A run that proposes a shift of six pairs and a caption for one."""
    with committed() as session:
        run = add_published_run(session, stored, [0.1] * 8)
        for number, kind, moves, offset, after in (
            (1, RepairKind.SHIFT, SHIFT, 1, 0.875),
            (2, RepairKind.REASSIGN, ((7, 0),), None, 0.5),
        ):
            session.add(
                Repair(
                    workspace_id=run.workspace_id,
                    run_id=run.id,
                    number=number,
                    kind=kind,
                    n_pairs=len(moves),
                    first_row=stored.pairs[moves[0][0]].row_number,
                    last_row=stored.pairs[moves[-1][0]].row_number,
                    offset=offset,
                    before=0.125,
                    after=after,
                    gain=len(moves) * (after - 0.125),
                )
            )
            session.flush()
            session.add_all(
                RepairPair(
                    workspace_id=run.workspace_id,
                    run_id=run.id,
                    number=number,
                    position=position,
                    pair_id=stored.pairs[pair].id,
                    caption_pair_id=stored.pairs[other].id,
                    before=0.125,
                    after=after,
                )
                for position, (pair, other) in enumerate(moves)
            )
        return run


def _page(client: TestClient, run: Run, **params: Any) -> dict[str, Any]:  # Any: query values; JSON
    response = client.get(f"/v1/runs/{run.id}/repairs", params=params)
    assert response.status_code == 200, response.text
    page: dict[str, Any] = response.json()
    return page


def _numbers(client: TestClient, run: Run, **params: Any) -> list[int]:  # Any: query values
    return [item["number"] for item in _page(client, run, **params)["items"]]


class TestListRepairs:
    def test_the_largest_gain_comes_first_and_is_whole(
        self, client: TestClient, run: Run, stored: StoredCorpus
    ) -> None:
        first, second = _page(client, run)["items"]
        assert {name: value for name, value in first.items() if name != "pairs"} == {
            "number": 1,
            "kind": "shift",
            "n_pairs": 6,
            "first_row": 1,
            "last_row": 6,
            "offset": 1,
            "before": 0.125,
            "after": 0.875,
            "gain": 4.5,
        }
        assert second["pairs"] == [
            {
                "pair_id": str(stored.pairs[7].id),
                "pair_key": "key-7",
                "row_number": 8,
                "image_id": str(stored.images[7].id),
                "source_path": "pictures/7.png",
                "caption": "h",
                "before": 0.125,
                "proposed_pair_id": str(stored.pairs[0].id),
                "proposed_pair_key": "key-0",
                "proposed_row_number": 1,
                "proposed_caption": "a",
                "after": 0.5,
            }
        ]

    def test_a_block_shows_its_first_pairs(self, client: TestClient, run: Run) -> None:
        pairs = _page(client, run)["items"][0]["pairs"]
        assert [pair["pair_key"] for pair in pairs] == [f"key-{number}" for number in range(5)]

    def test_pages_give_every_proposal_once(self, client: TestClient, run: Run) -> None:
        first = _page(client, run, limit=1)
        second = _page(client, run, limit=1, cursor=first["next_cursor"])
        assert [item["number"] for item in first["items"] + second["items"]] == [1, 2]
        assert second["next_cursor"] is None

    def test_filters_keep_what_they_name(self, client: TestClient, run: Run) -> None:
        assert _numbers(client, run, kind="shift") == [1]
        assert _numbers(client, run, kind="swap") == []
        assert _numbers(client, run, min_after=0.5) == [1, 2]
        assert _numbers(client, run, min_after=0.6) == [1]

    def test_a_pair_leads_to_its_proposal_whether_it_changes_or_gives(
        self, client: TestClient, run: Run, stored: StoredCorpus
    ) -> None:
        assert _numbers(client, run, pair_id=stored.pairs[7].id) == [2]
        assert _numbers(client, run, pair_id=stored.pairs[0].id) == [1, 2]
        assert _numbers(client, run, pair_id=uuid.uuid4()) == []
        shown = _page(client, run, pair_id=stored.pairs[6].id)["items"][0]["pairs"]
        assert [pair["proposed_pair_key"] for pair in shown][-1] == "key-6"

    @pytest.mark.parametrize(("name", "value"), [("kind", "guess"), ("min_after", "nan"), ("pair_id", "1")])
    def test_a_filter_that_cannot_be_is_refused(self, client: TestClient, run: Run, name: str, value: str) -> None:
        assert client.get(f"/v1/runs/{run.id}/repairs", params={name: value}).status_code == 422

    def test_a_run_that_is_not_done_has_none_yet(
        self, client: TestClient, committed: Committed, stored: StoredCorpus
    ) -> None:
        with committed() as session:
            queued = add_run(session, stored)
        for path in ("repairs", "repairs.csv"):
            answer = client.get(f"/v1/runs/{queued.id}/{path}")
            assert (answer.status_code, answer.json()["code"]) == (409, "report_not_ready")

    def test_a_run_that_does_not_exist_is_not_found(self, client: TestClient) -> None:
        assert client.get(f"/v1/runs/{uuid.uuid4()}/repairs").status_code == 404


class TestDownloadRepairs:
    def test_every_pair_has_a_line(self, client: TestClient, run: Run) -> None:
        response = client.get(f"/v1/runs/{run.id}/repairs.csv")
        rows = list(csv.DictReader(io.StringIO(response.text, newline="")))
        assert [row["pair_key"] for row in rows] == [*(f"key-{pair}" for pair, _ in SHIFT), "key-7"]
        assert (rows[0]["number"], rows[0]["kind"], rows[0]["offset"]) == ("1", "shift", "1")
        assert (rows[6]["offset"], rows[6]["proposed_caption"], rows[6]["after"]) == ("", "a", "0.5")
        assert f"mispair-repairs-{run.id}.csv" in response.headers["content-disposition"]

    def test_a_caption_that_a_spreadsheet_would_run_is_defused_unless_raw(self, client: TestClient, run: Run) -> None:
        def proposed(**params: Any) -> str:  # Any: query values
            text = client.get(f"/v1/runs/{run.id}/repairs.csv", params=params).text
            return next(csv.DictReader(io.StringIO(text, newline="")))["proposed_caption"]

        assert (proposed(), proposed(raw=1)) == ("'=b", "=b")

    def test_it_has_the_filters_of_the_list(self, client: TestClient, run: Run) -> None:
        lines = client.get(f"/v1/runs/{run.id}/repairs.csv", params={"kind": "reassign"}).text.splitlines()
        assert len(lines) == 2
