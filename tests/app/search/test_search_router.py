import subprocess
import sys
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response
from PIL import Image
from sqlalchemy.orm import Session

from app.auth.service import KeyContext, authenticate_key
from app.core.models import Run
from app.core.settings import Settings
from app.core.storage import Storage
from tests.app.images.pictures import encoded, plain_png
from tests.app.runs.rows import CALIBRATED, StoredCorpus, add_published_run, add_run, store_corpus
from tests.app.search.artefacts import store_artefacts, toy_fingerprint
from tests.app.search.colours import CAPTIONS, CORRESPONDENCE

Committed = Callable[[], AbstractContextManager[Session]]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(
        update={"max_query_image_bytes": 100_000, "max_image_pixels": 200_000, "search_indexes_held": 1}
    )


def _search(client: TestClient, run: Run, **body: Any) -> list[dict[str, Any]]:
    response = client.post(f"/v1/runs/{run.id}/search", json=body)
    assert response.status_code == 200, response.text
    items: list[dict[str, Any]] = response.json()["items"]
    return items


def _send(client: TestClient, run: Run, image: bytes, media_type: str = "image/png", **params: Any) -> Response:
    url = f"/v1/runs/{run.id}/search"
    return client.post(url, content=image, headers={"Content-Type": media_type}, params=params)


def _keys(hits: list[dict[str, Any]], members: str = "captions") -> set[str]:
    return {pair["pair_key"] for hit in hits for pair in hit[members]}


class TestByText:
    def test_a_caption_finds_itself_first_with_all_its_pairs(
        self, client: TestClient, run: Run, stored: StoredCorpus
    ) -> None:
        first = _search(client, run, text="a red thing", returns="captions", k=2)[0]
        assert first["score"] == pytest.approx(1, abs=1e-5)
        assert (first["caption"], first["n_pairs"], first["image"], first["captions"]) == ("a red thing", 2, None, [])
        assert first["pairs"] == [
            {
                "pair_id": str(stored.pairs[ordinal].id),
                "pair_key": f"key-{ordinal}",
                "image_id": str(stored.images[image].id),
                "source_path": f"pictures/{image}.png",
                "correspondence": CORRESPONDENCE[ordinal],
                "is_mismatch": is_mismatch,
            }
            for ordinal, image, is_mismatch in ((0, 0, False), (3, 1, True))
        ]

    def test_images_come_with_their_captions_best_first(self, client: TestClient, run: Run) -> None:
        hits = _search(client, run, text="anything", k=10)
        scores = [hit["score"] for hit in hits]
        assert scores == sorted(scores, reverse=True)
        captions = {hit["image"]["source_path"]: [pair["caption"] for pair in hit["captions"]] for hit in hits}
        assert captions == {f"pictures/{number}.png": group for number, group in enumerate(CAPTIONS)}

    def test_the_query_is_told_as_it_was_understood(self, client: TestClient, run: Run) -> None:
        query = client.post(f"/v1/runs/{run.id}/search", json={"text": "x"}).json()["query"]
        assert query == {
            "text": "x",
            "unknown_words": [],
            "image_id": None,
            "image_px": None,
            "returns": "images",
            "k": 10,
            "filters": {"min_correspondence": None, "flagged": "any"},
            "threshold": 0.5,
        }


class TestByImage:
    @pytest.mark.parametrize("number", range(4))
    def test_an_image_of_the_corpus_finds_itself_first(
        self, client: TestClient, run: Run, stored: StoredCorpus, number: int
    ) -> None:
        image_id = str(stored.images[number].id)
        hits = _search(client, run, image_id=image_id, k=1)
        assert (len(hits), hits[0]["image"]["image_id"]) == (1, image_id)
        assert hits[0]["score"] == pytest.approx(1, abs=1e-5)

    def test_an_image_of_the_users_own_finds_its_like(self, client: TestClient, run: Run) -> None:
        data = encoded(Image.new("RGB", (300, 200), "blue"), "JPEG")
        answer = _send(client, run, data, "image/jpeg", k=1).json()
        assert answer["items"][0]["image"]["source_path"] == "pictures/2.png"
        assert answer["query"]["image_px"] == [300, 200]

    def test_an_image_can_find_captions(self, client: TestClient, run: Run) -> None:
        hits = _send(client, run, plain_png(), returns="captions", k=3).json()["items"]
        assert [set(hit) >= {"caption", "pairs"} and hit["caption"] is not None for hit in hits] == [True] * 3

    def test_filters_go_into_the_query_string(self, client: TestClient, run: Run) -> None:
        answer = _send(client, run, plain_png(), flagged="exclude", min_correspondence=0.75, threshold=0.3).json()
        assert _keys(answer["items"]) == {"key-0", "key-2"}
        assert answer["query"]["filters"] == {"min_correspondence": 0.75, "flagged": "exclude"}


class TestFilters:
    @pytest.mark.parametrize(
        ("filters", "keys"),
        [
            ({"flagged": "any"}, set(range(7))),
            ({"flagged": "only"}, {1, 3, 6}),
            ({"flagged": "exclude"}, {0, 2, 4, 5}),
            ({"min_correspondence": 0.7}, {0, 2, 4}),
            ({"min_correspondence": 0.2, "flagged": "only"}, {1, 6}),
            ({"min_correspondence": 0.95}, set()),
        ],
    )
    @pytest.mark.parametrize(("returns", "members"), [("images", "captions"), ("captions", "pairs")])
    def test_only_pairs_that_pass_are_shown_and_their_images_and_captions_found(
        self, client: TestClient, run: Run, filters: dict[str, Any], keys: set[int], returns: str, members: str
    ) -> None:
        hits = _search(client, run, text="a thing", returns=returns, k=500, filters=filters)
        assert _keys(hits, members) == {f"key-{key}" for key in keys}
        assert all(hit["n_pairs"] == len(hit[members]) > 0 for hit in hits)

    def test_the_filter_works_inside_the_search(self, client: TestClient, run: Run, stored: StoredCorpus) -> None:
        # Image 2 is the nearest to itself, and its one pair is not flagged: another must take the only place.
        hits = _search(client, run, image_id=str(stored.images[2].id), k=1, filters={"flagged": "only"})
        assert len(hits) == 1
        assert hits[0]["image"]["source_path"] != "pictures/2.png"

    def test_the_threshold_moves_the_flag(self, client: TestClient, run: Run) -> None:
        hits = _search(client, run, text="a thing", k=10, threshold=0.15, filters={"flagged": "only"})
        assert _keys(hits) == {"key-3"}
        assert hits[0]["captions"][0]["is_mismatch"] is True


class TestAtARate:
    @pytest.fixture
    def calibrated(self, committed: Committed, storage: Storage, stored: StoredCorpus, tmp_path: Path) -> Run:
        fingerprint = toy_fingerprint(tmp_path)
        with committed() as session:
            run = add_published_run(session, stored, CORRESPONDENCE, fingerprint=fingerprint, summary=CALIBRATED)
        store_artefacts(storage, run, stored, CORRESPONDENCE, tmp_path / "artefacts")
        return run

    def test_the_published_threshold_is_the_default(self, client: TestClient, calibrated: Run) -> None:
        hits = _search(client, calibrated, text="a thing", k=10, filters={"flagged": "only"})
        assert _keys(hits) == {"key-1", "key-3"}

    @pytest.mark.parametrize(("fdr", "keys"), [(0.11, {3}), (0.16, {1, 3}), (0.24, {1, 3, 6})])
    def test_the_rate_moves_the_flag(self, client: TestClient, calibrated: Run, fdr: float, keys: set[int]) -> None:
        hits = _search(client, calibrated, text="a thing", k=10, fdr=fdr, filters={"flagged": "only"})
        assert _keys(hits) == {f"key-{number}" for number in keys}

    def test_an_images_search_takes_the_rate_from_the_query_string(self, client: TestClient, calibrated: Run) -> None:
        answer = _send(client, calibrated, plain_png(), k=10, flagged="only", fdr=0.16).json()
        assert (_keys(answer["items"]), answer["query"]["threshold"]) == ({"key-1", "key-3"}, pytest.approx(0.4))

    def test_a_rate_and_a_threshold_exclude_each_other(self, client: TestClient, calibrated: Run) -> None:
        body = {"text": "a thing", "fdr": 0.1, "threshold": 0.5}
        problem = client.post(f"/v1/runs/{calibrated.id}/search", json=body)
        assert (problem.status_code, problem.json()["code"]) == (422, "threshold_and_fdr")

    def test_a_run_that_is_not_calibrated_knows_no_rate(self, client: TestClient, run: Run) -> None:
        problem = client.post(f"/v1/runs/{run.id}/search", json={"text": "a thing", "fdr": 0.1})
        assert (problem.status_code, problem.json()["code"]) == (409, "not_calibrated")


class TestRefusals:
    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"text": "a", "image_id": str(uuid.uuid4())},
            {"text": ""},
            {"text": " \n"},
            {"text": "a" * 2001},
            {"text": "a", "k": 0},
            {"text": "a", "k": 501},
            {"text": "a", "returns": "videos"},
            {"text": "a", "top": 3},
            {"text": "a", "filters": {"flag": "only"}},
            {"text": "a", "filters": {"min_correspondence": 1.1}},
            {"text": "a", "threshold": -1},
            {"text": "a", "fdr": 0},
            {"text": "a", "fdr": 1},
            {"image_id": "1"},
            [],
        ],
    )
    def test_json_that_is_no_search_is_refused(self, client: TestClient, run: Run, body: Any) -> None:
        problem = client.post(f"/v1/runs/{run.id}/search", json=body)
        assert (problem.status_code, problem.json()["code"]) == (422, "invalid_payload")
        assert problem.json()["errors"][0]["loc"][0] == "body"

    @pytest.mark.parametrize("body", [b"", b"{", b'{"text": "\\ud800"}', b"[" * 100_000])
    def test_what_is_not_json_is_refused(self, client: TestClient, run: Run, body: bytes) -> None:
        headers = {"Content-Type": "application/json"}
        assert client.post(f"/v1/runs/{run.id}/search", content=body, headers=headers).status_code == 422

    def test_json_with_a_query_string_is_refused(self, client: TestClient, run: Run) -> None:
        problem = client.post(f"/v1/runs/{run.id}/search", json={"text": "a"}, params={"k": 3})
        assert (problem.status_code, "query string must be empty" in problem.json()["detail"]) == (422, True)

    @pytest.mark.parametrize("media_type", ["text/plain", "multipart/form-data", "application/octet-stream"])
    def test_another_content_type_is_refused(self, client: TestClient, run: Run, media_type: str) -> None:
        problem = _send(client, run, b"x", media_type)
        assert (problem.status_code, problem.json()["code"]) == (415, "unsupported_content_type")

    @pytest.mark.parametrize(
        ("image", "status", "code"),
        [
            (b"", 422, "empty_body"),
            (b"<svg/>", 415, "unsupported_image"),
            (encoded(Image.effect_noise((300, 300), 90), "PNG")[:5000], 422, "damaged_image"),
            (plain_png((500, 401)), 413, "image_too_large"),
            (b"\x89PNG" * 25_001, 413, "too_large"),
        ],
    )
    def test_an_image_that_cannot_be_used_is_refused_with_its_reason(
        self, client: TestClient, run: Run, image: bytes, status: int, code: str
    ) -> None:
        problem = _send(client, run, image)
        assert (problem.status_code, problem.json()["code"]) == (status, code)

    def test_before_publication_there_is_nothing_to_search(
        self, client: TestClient, committed: Committed, stored: StoredCorpus
    ) -> None:
        with committed() as session:
            queued = add_run(session, stored)
        problem = client.post(f"/v1/runs/{queued.id}/search", json={"text": "a"})
        assert (problem.status_code, problem.json()["code"]) == (409, "report_not_ready")

    def test_an_encoder_that_was_replaced_is_told(
        self, client: TestClient, committed: Committed, stored: StoredCorpus
    ) -> None:
        with committed() as session:
            old = add_published_run(session, stored, CORRESPONDENCE, fingerprint="0" * 64)
        problem = client.post(f"/v1/runs/{old.id}/search", json={"text": "a"})
        assert (problem.status_code, problem.json()["code"]) == (409, "encoder_changed")

    def test_artefacts_that_are_gone_are_told_as_ours(self, client: TestClient, storage: Storage, run: Run) -> None:
        storage.delete_prefix(str(run.artefact_prefix))
        assert client.post(f"/v1/runs/{run.id}/search", json={"text": "a"}).status_code == 500


class TestOtherWorkspace:
    def test_another_workspaces_run_is_unknown(self, other_client: TestClient, run: Run) -> None:
        assert other_client.post(f"/v1/runs/{run.id}/search", json={"text": "a"}).status_code == 404

    def test_another_workspaces_image_is_unknown(
        self, client: TestClient, committed: Committed, other_context: KeyContext, storage: Storage, run: Run
    ) -> None:
        with committed() as session:
            theirs = store_corpus(session, other_context.workspace_id, storage, [["a cat"]])
        body = {"image_id": str(theirs.images[0].id)}
        assert client.post(f"/v1/runs/{run.id}/search", json=body).status_code == 404

    def test_a_key_is_needed_before_a_body_is_read(self, anonymous_client: TestClient, run: Run) -> None:
        response = anonymous_client.post(f"/v1/runs/{run.id}/search", content=b"{")
        assert response.status_code == 401


@pytest.fixture
def other_context(committed: Committed, other_api_key: str) -> KeyContext:
    with committed() as session:
        return authenticate_key(session, other_api_key)


class TestImports:
    def test_the_application_starts_without_what_only_a_search_needs(self) -> None:
        heavy = "torch", "onnxruntime", "faiss", "pyarrow", "transformers", "open_clip"
        program = f"import sys, app.main; print([name for name in {heavy!r} if name in sys.modules])"
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
        assert done.stdout.strip() == "[]"
