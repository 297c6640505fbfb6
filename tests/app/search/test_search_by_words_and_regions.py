"""Searches of a run whose model reads regions and words, over HTTP."""

from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from app.auth.service import KeyContext
from app.core.models import Run
from app.core.run_config import RunConfig
from app.core.storage import Storage
from tests.app.images.pictures import encoded
from tests.app.runs.rows import StoredCorpus, add_published_run, store_corpus
from tests.app.search.artefacts import store_artefacts, toy_fingerprint
from tests.factories import Committed

_CAPTIONS = [["a red thing", "something warm"], ["a green thing"], ["a blue thing 🎈"]]
_CORRESPONDENCE = [0.9, 0.2, 0.8, 0.6]  # by pair
_N_GRID_REGIONS = 4
_CONFIG = RunConfig(encoder="toy", model="vse_infty", n_grid_regions=_N_GRID_REGIONS)


@pytest.fixture
def stored(committed: Committed, context: KeyContext, storage: Storage) -> StoredCorpus:
    with committed() as session:
        return store_corpus(session, context.workspace_id, storage, _CAPTIONS)


@pytest.fixture
def run(committed: Committed, storage: Storage, stored: StoredCorpus, tmp_path: Path) -> Run:
    return publish(committed, stored, storage, tmp_path, _CONFIG, toy_fingerprint(tmp_path, _N_GRID_REGIONS))


def publish(
    committed: Committed, stored: StoredCorpus, storage: Storage, folder: Path, config: RunConfig, fingerprint: str
) -> Run:
    """Publish a run of VSE-infinity with artefacts of four grid regions, whatever the rest says."""
    with committed() as session:
        run = add_published_run(session, stored, _CORRESPONDENCE, fingerprint=fingerprint, config=config)
    store_artefacts(
        storage, run, stored, _CORRESPONDENCE, folder / f"artefacts-{run.id}", n_grid_regions=_N_GRID_REGIONS
    )
    return run


def search(client: TestClient, run: Run, **body: Any) -> dict[str, Any]:  # Any: JSON
    """The answer to a search that must succeed."""
    response = client.post(f"/v1/runs/{run.id}/search", json=body)
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()  # Any: JSON
    return answer


class TestByText:
    @pytest.mark.parametrize("caption", ["a red thing", "something warm", "a blue thing 🎈"])
    def test_a_caption_finds_itself_first(self, client: TestClient, run: Run, caption: str) -> None:
        answer = search(client, run, text=caption, returns="captions", k=1)
        assert answer["items"][0]["caption"] == caption
        assert answer["items"][0]["score"] == pytest.approx(1, abs=1e-5)
        assert answer["query"]["unknown_words"] == []

    def test_words_that_the_model_does_not_know_are_told(self, client: TestClient, run: Run) -> None:
        answer = search(client, run, text="A RED zebra, a zebra or okapi!", k=3)
        assert answer["query"]["unknown_words"] == ["zebra", "or", "okapi"]
        assert len(answer["items"]) == 3

    @pytest.mark.parametrize(
        ("text", "told"),
        [
            ("zebra", "knows none of its words ('zebra')"),
            ("zebra, okapi!", "('zebra', 'okapi')"),
            ("one two three four five six", "'five' and 1 more)"),
            ("?!", "'?!' holds no word"),
        ],
    )
    def test_a_text_without_a_known_word_is_refused_rather_than_answered_by_chance(
        self, client: TestClient, run: Run, text: str, told: str
    ) -> None:
        problem = client.post(f"/v1/runs/{run.id}/search", json={"text": text})
        assert (problem.status_code, problem.json()["code"]) == (422, "no_known_word")
        assert told in problem.json()["detail"]

    def test_a_picture_among_the_words_is_one(self, client: TestClient, run: Run) -> None:
        assert search(client, run, text="🎈", k=1)["query"]["unknown_words"] == []

    def test_it_needs_no_encoder(
        self, client: TestClient, committed: Committed, stored: StoredCorpus, storage: Storage, tmp_path: Path
    ) -> None:
        gone = publish(committed, stored, storage, tmp_path, _CONFIG.model_copy(update={"encoder": "gone"}), "0" * 64)
        assert len(search(client, gone, text="a red thing", k=3)["items"]) == 3


class TestByImage:
    @pytest.mark.parametrize("number", range(3))
    def test_an_image_of_the_corpus_finds_itself_first(
        self, client: TestClient, run: Run, stored: StoredCorpus, number: int
    ) -> None:
        image_id = str(stored.images[number].id)
        hit = search(client, run, image_id=image_id, k=1)["items"][0]
        assert hit["image"]["image_id"] == image_id
        assert hit["score"] == pytest.approx(1, abs=1e-5)

    def test_an_image_of_the_users_own_finds_its_like(self, client: TestClient, run: Run) -> None:
        answer = client.post(
            f"/v1/runs/{run.id}/search",
            content=encoded(Image.new("RGB", (300, 200), "blue"), "JPEG"),
            headers={"Content-Type": "image/jpeg"},
            params={"k": 1},
        ).json()
        assert answer["items"][0]["image"]["source_path"] == "pictures/2.png"

    @pytest.mark.parametrize(
        ("n_grid_regions", "told"),
        [(_N_GRID_REGIONS, "its fingerprint is"), (25, "cannot divide an image into 25 regions")],
    )
    def test_an_encoder_that_gives_other_regions_now_is_told(
        self,
        client: TestClient,
        committed: Committed,
        stored: StoredCorpus,
        storage: Storage,
        tmp_path: Path,
        n_grid_regions: int,
        told: str,
    ) -> None:
        # The fingerprint of the encoder alone, which a run of heads would record, is not that of its regions.
        config = _CONFIG.model_copy(update={"n_grid_regions": n_grid_regions})
        run = publish(committed, stored, storage, tmp_path, config, toy_fingerprint(tmp_path))
        problem = client.post(f"/v1/runs/{run.id}/search", json={"image_id": str(stored.images[0].id)})
        assert (problem.status_code, problem.json()["code"]) == (409, "encoder_changed")
        assert told in problem.json()["detail"]

    def test_a_model_of_another_kind_than_the_configuration_says_is_told_as_damage(
        self, client: TestClient, committed: Committed, stored: StoredCorpus, storage: Storage, tmp_path: Path
    ) -> None:
        run = publish(committed, stored, storage, tmp_path, RunConfig(encoder="toy"), toy_fingerprint(tmp_path))
        problem = client.post(f"/v1/runs/{run.id}/search", json={"text": "a red thing"})
        assert (problem.status_code, problem.json()["code"]) == (500, "damaged_artefact")
