from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from PIL import Image
from sqlalchemy.orm import Session

from app.auth.service import KeyContext
from app.core.errors import UnavailableError, WrongStateError
from app.core.models import Run
from app.core.storage import ObjectStorage, Storage
from app.search import engine as engine_module
from app.search.engine import DamagedArtefactError, SearchableRun, SearchEngine
from app.search.pair_table import PairCondition, Returns
from crcl_core.types import ModalityUnsupportedError
from tests.app.runs.rows import StoredCorpus, add_published_run, store_corpus
from tests.app.search.artefacts import SPECS, store_artefacts, toy_fingerprint

Committed = Callable[[], AbstractContextManager[Session]]

CORRESPONDENCE = [0.9, 0.2, 0.8]
ANY = PairCondition(0.5)


@pytest.fixture
def stored(committed: Committed, context: KeyContext, storage: Storage) -> StoredCorpus:
    with committed() as session:
        return store_corpus(session, context.workspace_id, storage, [["a red thing", "x"], ["a green thing"]])


@pytest.fixture
def run(committed: Committed, storage: Storage, stored: StoredCorpus, tmp_path: Path) -> SearchableRun:
    return _publish(committed, storage, stored, tmp_path / "one")


def _publish(committed: Committed, storage: Storage, stored: StoredCorpus, folder: Path) -> SearchableRun:
    fingerprint = toy_fingerprint(folder)
    with committed() as session:
        run: Run = add_published_run(session, stored, CORRESPONDENCE, fingerprint=fingerprint)
    store_artefacts(storage, run, stored, CORRESPONDENCE, folder)
    return SearchableRun(run.id, str(run.artefact_prefix), "toy", fingerprint)


def _engine(storage: Storage, tmp_path: Path, **changes: object) -> SearchEngine:
    plain = {"encoders": SPECS, "cache_dir": tmp_path, "device": "auto", "threads": 1, "n_runs_held": 1}
    return SearchEngine(storage=storage, **{**plain, **changes})  # type: ignore[arg-type] # a test's own defaults


def _images(engine: SearchEngine, run: SearchableRun, query: str = "a red thing") -> Sequence[int]:
    found = engine.search(run, query, returns=Returns.IMAGES, k=5, condition=ANY)
    return sorted(hit.ordinal for hit in found.hits)


class TestSearchEngine:
    def test_no_more_hits_come_than_there_are(self, storage: Storage, run: SearchableRun, tmp_path: Path) -> None:
        assert _images(_engine(storage, tmp_path), run) == [0, 1]

    def test_a_run_stays_open_until_others_push_it_out(
        self, committed: Committed, storage: Storage, stored: StoredCorpus, run: SearchableRun, tmp_path: Path
    ) -> None:
        engine = _engine(storage, tmp_path)
        other = _publish(committed, storage, stored, tmp_path / "two")
        _images(engine, run)
        assert run.artefact_prefix in engine._runs
        _images(engine, other)
        assert run.artefact_prefix not in engine._runs
        assert _images(engine, run) == [0, 1]

    def test_many_threads_get_what_one_gets(self, storage: Storage, run: SearchableRun, tmp_path: Path) -> None:
        engine = _engine(storage, tmp_path)
        queries = ["a red thing", "a green thing", "x", "y"] * 4

        def ask(query: str) -> list[tuple[int, float]]:
            found = engine.search(run, query, returns=Returns.CAPTIONS, k=2, condition=ANY)
            return [(hit.ordinal, hit.score) for hit in found.hits]

        with ThreadPoolExecutor(8) as pool:
            together = list(pool.map(ask, queries))
        assert together == [ask(query) for query in queries]

    def test_a_hit_lists_few_pairs_and_counts_all(
        self, storage: Storage, run: SearchableRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(engine_module, "_MAX_PAIRS_OF_HIT", 1)
        found = _engine(storage, tmp_path).search(run, "x", returns=Returns.IMAGES, k=2, condition=ANY)
        assert {hit.ordinal: (hit.pairs, hit.n_pairs) for hit in found.hits} == {0: ((0,), 2), 1: ((2,), 1)}

    def test_a_remote_store_is_asked_for_every_file(self, storage: Storage, run: SearchableRun, tmp_path: Path) -> None:
        bucket, cache = tmp_path / "bucket", tmp_path / "cache"
        bucket.mkdir()
        remote = ObjectStorage(bucket.as_uri(), cache)
        prefix = run.artefact_prefix
        names = ["model.safetensors", "pairs.npz"]
        names += [f"index/{kind}/{path.name}" for kind in Returns for path in _index_files(storage, prefix, kind)]
        for name in names:
            remote.put_file(f"{prefix}/{name}", storage.local_path(f"{prefix}/{name}"))
        assert _images(_engine(remote, tmp_path), run) == [0, 1]

    def test_an_encoder_that_is_not_registered_any_more_is_told(
        self, storage: Storage, run: SearchableRun, tmp_path: Path
    ) -> None:
        with pytest.raises(WrongStateError, match="'toy', which is not registered here any more; registered: other"):
            _images(_engine(storage, tmp_path, encoders={"other": "toy"}), run)

    def test_an_encoder_that_cannot_be_loaded_is_told_without_its_path(
        self, storage: Storage, run: SearchableRun, tmp_path: Path
    ) -> None:
        engine = _engine(storage, tmp_path, encoders={"toy": "no-such-kind:/no/such/file.pt"})
        with pytest.raises(UnavailableError) as caught:
            _images(engine, run)
        assert (caught.value.code, "/no/such" in caught.value.detail) == ("encoder_unavailable", False)

    @pytest.mark.parametrize("query", ["a red thing", Image.new("RGB", (8, 8))])
    def test_a_modality_that_the_encoder_cannot_embed_is_told(
        self, storage: Storage, run: SearchableRun, tmp_path: Path, query: str | Image.Image
    ) -> None:
        engine = _engine(storage, tmp_path)
        encoder = engine._encoder_of(run).encoder

        def refuse(*_: object) -> None:
            raise ModalityUnsupportedError("neither")

        for name in ("encode_images", "encode_captions"):
            setattr(encoder, name, refuse)
        with pytest.raises(WrongStateError) as caught:
            engine.search(run, query, returns=Returns.IMAGES, k=1, condition=ANY)
        assert caught.value.code == "modality_unsupported"

    @pytest.mark.parametrize("name", ["model.safetensors", "pairs.npz", "index/images/index.json"])
    def test_a_damaged_artefact_is_told_as_such(
        self, storage: Storage, run: SearchableRun, tmp_path: Path, name: str
    ) -> None:
        with storage.writer(f"{run.artefact_prefix}/{name}") as file:
            file.write(b"not what was written")
        with pytest.raises(DamagedArtefactError, match=str(run.id)):
            _images(_engine(storage, tmp_path), run)


def _index_files(storage: Storage, prefix: str, kind: Returns) -> list[Path]:
    return sorted(storage.local_path(f"{prefix}/index/{kind}/index.json").parent.iterdir())
