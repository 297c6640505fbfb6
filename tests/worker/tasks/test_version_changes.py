"""New versions of a corpus over REST, made by a real worker, and runs of them."""

import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from app.core.models import Job, JobEvent, JobKind, JobState, Pair
from app.core.settings import Settings
from tests.factories import Committed
from tests.worker.archives import image_bytes
from tests.worker.jobs import TOY_CONFIG, stored_files
from tests.worker.tasks.test_import_corpus import zipped
from worker.context import WorkerContext
from worker.sandbox.image_sandbox import ImageSandbox
from worker.sandbox.normalising import NormalisedImage
from worker.tasks.import_corpus import import_corpus
from worker.tasks.run_cleaning import run_cleaning

_COLOURS = {"red": (200, 30, 30), "green": (30, 200, 30), "blue": (30, 30, 200), "grey": (120, 120, 120)}

Json = dict[str, Any]  # Any: JSON


def _archive(rows: Mapping[str, str]) -> bytes:
    """A picture for each row, `number-colour` = what is said of it."""
    files = {}
    for number, name in enumerate(rows):
        red, green, blue = _COLOURS[name.split("-")[1]]
        files[f"{name}.png"] = image_bytes((red, green, (blue + number) % 256))
    lines = "".join(f"{name},{name}.png,{said}\n" for name, said in rows.items())
    return zipped({"captions.csv": f"id,image,caption\n{lines}".encode(), **files})


def _rows(first: int, last: int) -> dict[str, str]:
    names = list(_COLOURS)
    return {
        f"{number}-{names[number % 4]}": f"a {names[number % 4]} thing number {number}" for number in range(first, last)
    }


def _job(committed: Committed, kind: JobKind) -> uuid.UUID:
    with committed() as session:
        return session.execute(select(Job.id).where(Job.kind == kind, Job.state == JobState.QUEUED)).scalar_one()


class _Service:
    """What a user does, and the worker that answers it."""

    def __init__(self, client: TestClient, worker: WorkerContext, committed: Committed) -> None:
        self._client, self._worker, self._committed = client, worker, committed
        self.corpus_id = client.post("/v1/corpora", json={"name": "colours"}).json()["id"]

    @property
    def url(self) -> str:
        return f"/v1/corpora/{self.corpus_id}"

    def put(self, archive: bytes, *, append: bool = False) -> Json:
        params = {"append": "true"} if append else {}
        response = self._client.put(f"{self.url}/archive", content=archive, params=params)
        assert response.status_code == 202, response.text
        return self.imported()

    def drop(self, **body: Any) -> Json:  # Any: JSON
        response = self._client.post(f"{self.url}/versions", json=body)
        assert response.status_code == 202, response.text
        return self.imported()

    def imported(self) -> Json:
        import_corpus(self._worker, _job(self._committed, JobKind.IMPORT))
        corpus: Json = self._client.get(self.url).json()
        return corpus

    def clean(self, method: str = "crcl") -> str:
        response = self._client.post(f"{self.url}/runs", json=TOY_CONFIG | {"method": method})
        assert response.status_code == 202, response.text
        run_cleaning(self._worker, _job(self._committed, JobKind.RUN))
        return f"/v1/runs/{response.json()['id']}"

    def report(self, run: str, **params: Any) -> list[Json]:  # Any: query parameters
        rows: list[Json] = self._client.get(f"{run}/report", params={"limit": 500, **params}).json()["items"]
        return rows


@pytest.fixture
def service(client: TestClient, worker: WorkerContext, committed: Committed) -> _Service:
    return _Service(client, worker, committed)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"min_pairs": 8})


class TestAppend:
    def test_a_second_archive_makes_a_second_version(self, service: _Service, client: TestClient) -> None:
        service.put(_archive(_rows(0, 6)))
        corpus = service.put(_archive(_rows(0, 2) | _rows(6, 9)), append=True)
        assert (corpus["state"], corpus["version"]["number"]) == ("ready", 2)
        counts = {name: corpus["version"][name] for name in ("n_read", "n_accepted", "n_rejected", "n_added")}
        assert counts == {"n_read": 11, "n_accepted": 9, "n_rejected": 2, "n_added": 3}
        codes = [row["code"] for row in client.get(f"{service.url}/rejections").json()["items"]]
        assert codes == ["already_in_corpus"] * 2
        assert client.get(f"{service.url}/rejections", params={"version": 1}).json()["items"] == []
        assert [version["number"] for version in client.get(f"{service.url}/versions").json()["items"]] == [2, 1]

    def test_equal_bytes_are_stored_once(self, service: _Service, storage_root: Path) -> None:
        service.put(_archive(_rows(0, 6)))
        shards = stored_files(storage_root, "versions/")
        service.put(_archive({name: f"{said} again" for name, said in _rows(0, 6).items()}), append=True)
        assert stored_files(storage_root, "versions/") == shards

    def test_what_is_stored_already_is_not_decoded_again(
        self, service: _Service, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        service.put(_archive(_rows(0, 6)))
        decoded: list[bytes] = []
        real = ImageSandbox.normalise

        def noted(sandbox: ImageSandbox, data: bytes) -> NormalisedImage:
            decoded.append(data)
            return real(sandbox, data)

        monkeypatch.setattr(ImageSandbox, "normalise", noted)
        corpus = service.put(_archive(_rows(0, 7)), append=True)
        assert (corpus["version"]["n_added"], len(decoded)) == (1, 1)

    def test_an_archive_that_cannot_be_read_leaves_the_corpus_as_it_was(
        self,
        service: _Service,
        storage_root: Path,
    ) -> None:
        service.put(_archive(_rows(0, 6)))
        before = stored_files(storage_root)
        corpus = service.put(zipped({"a.png": image_bytes()}), append=True)
        assert (corpus["state"], corpus["error"], corpus["version"]["number"]) == ("ready", None, 1)
        assert (corpus["job"]["state"], corpus["job"]["error"]["code"]) == ("failed", "no_manifest")
        assert stored_files(storage_root) == before

    def test_a_corpus_that_waits_for_its_first_archive_takes_no_second(
        self, service: _Service, client: TestClient
    ) -> None:
        response = client.put(f"{service.url}/archive", content=_archive(_rows(0, 2)), params={"append": "true"})
        assert (response.status_code, response.json()["code"]) == (409, "corpus_not_ready")


class TestDrop:
    def test_pairs_are_left_out_and_stay_in_the_version_before(
        self, service: _Service, client: TestClient, committed: Committed
    ) -> None:
        service.put(_archive(_rows(0, 12)))
        with committed() as session:
            pair_ids = [str(pair_id) for pair_id in session.execute(select(Pair.id).order_by(Pair.ordinal)).scalars()]
        corpus = service.drop(pair_ids=pair_ids[:3])
        assert (corpus["version"]["n_accepted"], corpus["version"]["n_dropped"]) == (9, 3)
        with committed() as session:
            kept = session.execute(select(Pair.pair_key).order_by(Pair.corpus_version_id, Pair.ordinal)).scalars().all()
            assert kept == list(_rows(0, 12)) + list(_rows(3, 12))
        # Ids are of a version: the new one has none of the old one's.
        response = client.post(f"{service.url}/versions", json={"pair_ids": pair_ids[3:5]})
        assert (response.status_code, response.json()["code"]) == (422, "unknown_pairs")

    @pytest.mark.parametrize("body", [{}, {"pair_ids": [], "run_id": None}, {"threshold": 0.5}])
    def test_a_body_must_say_one_thing(self, service: _Service, client: TestClient, body: Json) -> None:
        assert client.post(f"{service.url}/versions", json=body).status_code == 422


class TestRunsOfVersions:
    def test_a_run_takes_over_features_tells_what_changed_and_can_be_dropped_by(
        self, service: _Service, client: TestClient, committed: Committed
    ) -> None:
        service.put(_archive(_rows(0, 12)))
        first = service.clean()
        assert client.get(f"{first}/summary").json()["comparison"] is None
        assert {row["change"] for row in service.report(first, threshold=1.0)} == {None}
        service.put(_archive(_rows(12, 16)), append=True)
        second = service.clean(method="default")  # which begins with what the first one found
        with committed() as session:
            told = session.execute(select(JobEvent.data).where(JobEvent.kind == "features")).scalars().all()
            assert sorted(data["n_images_carried"] for data in told if "is_reused" in data) == [0, 12]
        self._check_changes(service, client, first, second)
        self._check_dropping(service, client, second)
        # The first version can still be cleaned, and there is no fourth.
        asked = [client.post(f"{service.url}/runs", json=TOY_CONFIG, params={"version": n}).status_code for n in (1, 4)]
        assert asked == [202, 404]

    def _check_changes(self, service: _Service, client: TestClient, first: str, second: str) -> None:
        rows = service.report(second, threshold=1.0)
        before = {row["pair_key"]: row["correspondence"] for row in service.report(first)}
        new = dict.fromkeys(_rows(12, 16))
        assert {row["pair_key"]: row["base_correspondence"] for row in rows} == before | new
        comparison = client.get(f"{second}/summary", params={"threshold": 1.0}).json()["comparison"]
        assert (comparison["base_run_id"], comparison["n_gone"]) == (first.rpartition("/")[2], 0)
        counts = {change: sum(row["change"] == change for row in rows) for change in ("new", "regressed", "remaining")}
        assert {change: comparison[f"n_{change}"] for change in counts} == counts
        assert counts["new"] == sum(row["is_mismatch"] and row["base_correspondence"] is None for row in rows)
        asked = service.report(second, threshold=1.0, change="new")
        assert [row["pair_key"] for row in asked] == [row["pair_key"] for row in rows if row["change"] == "new"]

    def _check_dropping(self, service: _Service, client: TestClient, run: str) -> None:
        run_id = run.rpartition("/")[2]
        cut = service.report(run)[4]["correspondence"]
        n_below = sum(row["correspondence"] < cut for row in service.report(run))
        assert service.drop(run_id=run_id, threshold=cut)["version"]["n_dropped"] == n_below
        assert len(service.report(run)) == 16
        response = client.post(f"{service.url}/versions", json={"run_id": run_id})
        assert (response.status_code, response.json()["code"]) == (409, "not_newest_version")
