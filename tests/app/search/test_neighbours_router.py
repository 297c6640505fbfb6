import uuid
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from app.core.models import Run
from tests.app.runs.rows import StoredCorpus
from tests.app.search.colours import CORRESPONDENCE


def _neighbours(client: TestClient, run: Run, pair_id: uuid.UUID, **params: Any) -> dict[str, Any]:  # Any: JSON
    response = client.get(f"/v1/runs/{run.id}/pairs/{pair_id}/neighbours", params=params)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


class TestNeighbours:
    def test_an_image_has_all_others_around_it_nearest_first(
        self, client: TestClient, run: Run, stored: StoredCorpus
    ) -> None:
        found = _neighbours(client, run, stored.pairs[2].id)["of_image"]["images"]
        assert sorted(hit["image"]["source_path"] for hit in found) == [f"pictures/{n}.png" for n in (0, 2, 3)]
        scores = [hit["score"] for hit in found]
        assert scores == sorted(scores, reverse=True)

    def test_a_caption_that_stands_twice_is_no_neighbour_of_itself(
        self, client: TestClient, run: Run, stored: StoredCorpus
    ) -> None:
        found = _neighbours(client, run, stored.pairs[0].id, k=3)["of_caption"]["captions"]
        assert len(found) == 3
        assert "a red thing" not in {hit["caption"] for hit in found}

    def test_they_are_what_a_search_by_the_same_item_finds(
        self, client: TestClient, run: Run, stored: StoredCorpus
    ) -> None:
        found = _neighbours(client, run, stored.pairs[4].id, k=2)
        for of, query in (
            ("of_image", {"image_id": str(stored.images[2].id)}),
            ("of_caption", {"text": "a blue thing"}),
        ):
            other = "captions" if of == "of_image" else "images"
            searched = client.post(f"/v1/runs/{run.id}/search", json={**query, "returns": other, "k": 2}).json()
            assert [hit["pairs"] for hit in found[of][other]] == [hit["pairs"] for hit in searched["items"]]
            np.testing.assert_allclose(
                [hit["score"] for hit in found[of][other]], [hit["score"] for hit in searched["items"]], atol=1e-5
            )

    def test_they_are_flagged_as_asked(self, client: TestClient, run: Run, stored: StoredCorpus) -> None:
        found = _neighbours(client, run, stored.pairs[0].id, threshold=0.65)["of_image"]["captions"]
        for pair in (pair for hit in found for pair in hit["pairs"]):
            assert pair["is_mismatch"] == (CORRESPONDENCE[int(pair["pair_key"][4:])] < 0.65)

    @pytest.mark.parametrize("k", [0, 51])
    def test_so_many_are_not_given(self, client: TestClient, run: Run, stored: StoredCorpus, k: int) -> None:
        url = f"/v1/runs/{run.id}/pairs/{stored.pairs[0].id}/neighbours"
        assert client.get(url, params={"k": k}).status_code == 422

    def test_a_pair_of_nowhere_is_not_found(self, client: TestClient, run: Run) -> None:
        response = client.get(f"/v1/runs/{run.id}/pairs/{uuid.uuid4()}/neighbours")
        assert (response.status_code, response.json()["code"]) == (404, "not_found")
