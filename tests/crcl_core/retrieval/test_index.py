import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from crcl_core.retrieval import IndexDamagedError, IndexKind, VectorIndex, build_index, open_index
from crcl_core.types import BoolArray, FloatArray, IntArray


def random_vectors(n: int, dimension: int = 16, seed: int = 0) -> FloatArray:
    return np.random.default_rng(seed).normal(size=(n, dimension)).astype(np.float32)


def slow_search(vectors: FloatArray, queries: FloatArray, k: int, allowed: BoolArray | None = None) -> IntArray:
    """Cosine neighbours by a full sort, in float64."""
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    scores = (queries / np.linalg.norm(queries, axis=1, keepdims=True)) @ unit.T.astype(np.float64)
    if allowed is not None:
        scores[:, ~allowed] = -np.inf
    return np.argsort(-scores, axis=1, kind="stable")[:, :k]


def exact_index(vectors: FloatArray, folder: Path) -> VectorIndex:
    build_index(vectors, folder)
    return open_index(folder)


class TestVectors:
    @pytest.mark.parametrize(("exact_below", "tolerance"), [(1_000, 1e-6), (1, 0.02)])
    def test_they_come_back_normalised_in_the_order_asked_for(
        self, tmp_path: Path, exact_below: int, tolerance: float
    ) -> None:
        vectors = random_vectors(300)
        build_index(vectors, tmp_path, exact_below=exact_below)
        unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        np.testing.assert_allclose(open_index(tmp_path).vectors(np.array([7, 2])), unit[[7, 2]], atol=tolerance)

    @pytest.mark.parametrize("beyond", [-1, 5])
    def test_an_id_beyond_the_index_is_refused(self, tmp_path: Path, beyond: int) -> None:
        with pytest.raises(IndexError, match="expected 0 to 4"):
            exact_index(random_vectors(5), tmp_path).vectors(np.array([0, beyond]))


class TestExactSearch:
    def test_three_vectors_by_hand(self, tmp_path: Path) -> None:
        index = exact_index(np.array([[2.0, 0.0], [0.0, 5.0], [3.0, 3.0]], dtype=np.float32), tmp_path)
        scores, ids = index.search(np.array([[10.0, 0.0]], dtype=np.float32), 3)
        assert ids.tolist() == [[0, 2, 1]]
        assert scores[0] == pytest.approx([1.0, np.sqrt(0.5), 0.0], abs=1e-6)

    @pytest.mark.parametrize("share", [1.0, 0.6, 0.05])
    def test_equals_the_slow_oracle_under_any_filter(self, tmp_path: Path, share: float) -> None:
        vectors, queries = random_vectors(700), random_vectors(20, seed=1)
        allowed = np.random.default_rng(2).random(700) < share
        _, ids = exact_index(vectors, tmp_path).search(queries, 9, allowed)
        assert np.array_equal(ids, slow_search(vectors, queries, 9, allowed))

    def test_equal_scores_come_in_order_of_id(self, tmp_path: Path) -> None:
        index = exact_index(np.ones((30, 4), dtype=np.float32), tmp_path)
        _, ids = index.search(np.ones((1, 4), dtype=np.float32), 5)
        assert ids.tolist() == [[0, 1, 2, 3, 4]]

    def test_a_zero_query_is_equally_near_to_all(self, tmp_path: Path) -> None:
        scores, ids = exact_index(random_vectors(5), tmp_path).search(np.zeros((1, 16), np.float32), 2)
        assert (scores.tolist(), ids.tolist()) == ([[0, 0]], [[0, 1]])

    def test_huge_finite_numbers_do_not_overflow(self, tmp_path: Path) -> None:
        scores, _ = exact_index(random_vectors(5) * np.float32(1e37), tmp_path).search(random_vectors(5), 1)
        assert scores == pytest.approx(np.ones((5, 1)), abs=1e-5)

    def test_a_memory_map_is_indexed_in_place_of_an_array(self, tmp_path: Path) -> None:
        np.save(tmp_path / "raw.npy", random_vectors(50))
        mapped = np.load(tmp_path / "raw.npy", mmap_mode="r")
        _, ids = exact_index(mapped, tmp_path / "index").search(random_vectors(50), 1)
        assert ids[:, 0].tolist() == list(range(50))


class TestPads:
    @pytest.mark.parametrize("n", [0, 1, 3])
    def test_fewer_vectors_than_k_are_padded(self, tmp_path: Path, n: int) -> None:
        scores, ids = exact_index(random_vectors(n), tmp_path).search(random_vectors(2), 5)
        assert scores.shape == ids.shape == (2, 5)
        assert (ids[:, n:] == -1).all()
        assert np.isneginf(scores[:, n:]).all()
        assert (ids[:, :n] >= 0).all()

    def test_nothing_allowed_is_only_pads(self, tmp_path: Path) -> None:
        _, ids = exact_index(random_vectors(4), tmp_path).search(random_vectors(1), 2, np.zeros(4, np.bool_))
        assert ids.tolist() == [[-1, -1]]

    def test_no_query_gives_no_row(self, tmp_path: Path) -> None:
        scores, ids = exact_index(random_vectors(4), tmp_path).search(random_vectors(0), 2)
        assert scores.shape == ids.shape == (0, 2)


N_CLUSTERED = 3000


@pytest.fixture(scope="module")
def vectors() -> FloatArray:
    centres = random_vectors(60, 32, seed=5)
    near = np.random.default_rng(6).integers(0, 60, size=N_CLUSTERED)
    return centres[near] + 0.5 * random_vectors(N_CLUSTERED, 32, seed=7)


@pytest.fixture(scope="module")
def graph_folder(vectors: FloatArray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hnsw")
    assert build_index(vectors, folder, exact_below=N_CLUSTERED).kind is IndexKind.HNSW
    return folder


class TestHnswSearch:
    def recall(self, found: IntArray, expected: IntArray) -> float:
        return float(np.mean([len(set(a) & set(b)) / len(b) for a, b in zip(found, expected, strict=True)]))

    def test_finds_nearly_all_true_neighbours(self, graph_folder: Path, vectors: FloatArray) -> None:
        queries = vectors[::30] + 0.1 * random_vectors(100, 32, seed=8)
        scores, ids = open_index(graph_folder).search(queries, 10)
        assert self.recall(ids, slow_search(vectors, queries, 10)) > 0.93
        assert (np.diff(scores, axis=1) <= 0).all()

    @pytest.mark.parametrize("one_by_one", [0, 20_000])
    @pytest.mark.parametrize("share", [0.5, 0.02])
    def test_a_filter_still_gives_k_results_and_only_allowed_ones(
        self, graph_folder: Path, vectors: FloatArray, share: float, one_by_one: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("crcl_core.retrieval.hnsw._ONE_BY_ONE", one_by_one)
        allowed = np.random.default_rng(9).random(N_CLUSTERED) < share
        queries = random_vectors(50, 32, seed=10)
        _, ids = open_index(graph_folder).search(queries, 10, allowed)
        assert (ids >= 0).all()
        assert allowed[ids].all()
        assert self.recall(ids, slow_search(vectors, queries, 10, allowed)) > 0.9

    def test_a_walk_that_falls_short_is_completed(
        self, graph_folder: Path, vectors: FloatArray, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("crcl_core.retrieval.hnsw._ONE_BY_ONE", 0)
        monkeypatch.setattr("crcl_core.retrieval.hnsw._EF_SEARCH", 1)
        allowed = np.zeros(N_CLUSTERED, np.bool_)
        allowed[[3, 1400, 2999]] = True
        _, ids = open_index(graph_folder).search(vectors[:20], 3, allowed)
        assert (np.sort(ids, axis=1) == [3, 1400, 2999]).all()

    def test_k_above_n_returns_all_and_pads(self, graph_folder: Path, vectors: FloatArray) -> None:
        _, ids = open_index(graph_folder).search(vectors[:2], N_CLUSTERED + 1)
        assert (np.sort(ids, axis=1)[:, 1:] == np.arange(N_CLUSTERED)).all()
        assert (ids[:, -1] == -1).all()

    def test_the_same_vectors_give_the_same_bytes(
        self, graph_folder: Path, vectors: FloatArray, tmp_path: Path
    ) -> None:
        build_index(vectors, tmp_path, exact_below=N_CLUSTERED)
        for path in graph_folder.iterdir():
            assert path.read_bytes() == (tmp_path / path.name).read_bytes()

    def test_one_altered_byte_is_found_on_opening(self, graph_folder: Path, tmp_path: Path) -> None:
        copy = tmp_path / "copy"
        shutil.copytree(graph_folder, copy)
        content = bytearray((copy / "vectors.faiss").read_bytes())
        content[len(content) // 2] ^= 1
        (copy / "vectors.faiss").write_bytes(content)
        with pytest.raises(IndexDamagedError, match="SHA-256"):
            open_index(copy)


class TestBuildIndex:
    def test_a_finished_index_is_never_overwritten(self, tmp_path: Path) -> None:
        build_index(random_vectors(3), tmp_path)
        with pytest.raises(FileExistsError, match="never changes"):
            build_index(random_vectors(3), tmp_path)

    def test_an_interrupted_build_is_built_again(self, tmp_path: Path) -> None:
        build_index(random_vectors(3), tmp_path)
        (tmp_path / "index.json").unlink()
        build_index(random_vectors(4), tmp_path)
        assert open_index(tmp_path).n == 4

    def test_from_exact_below_on_the_graph_is_used(self, tmp_path: Path) -> None:
        assert build_index(random_vectors(99), tmp_path / "a", exact_below=100).kind is IndexKind.EXACT
        assert build_index(random_vectors(100), tmp_path / "b", exact_below=100).kind is IndexKind.HNSW

    def test_the_same_vectors_give_the_same_bytes(self, tmp_path: Path) -> None:
        headers = [build_index(random_vectors(40), tmp_path / name) for name in "ab"]
        assert headers[0] == headers[1]

    def test_vectors_that_are_not_finite_are_refused(self, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match="the vectors hold a value that is not finite"):
            build_index(np.array([[1.0, np.nan]], dtype=np.float32), tmp_path)

    @pytest.mark.parametrize("shape", [(4,), (4, 0)])
    def test_other_shapes_are_refused(self, tmp_path: Path, shape: tuple[int, ...]) -> None:
        with pytest.raises(ValueError, match="vectors have shape"):
            build_index(np.zeros(shape, np.float32), tmp_path)


class TestOpenIndex:
    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        build_index(random_vectors(8), tmp_path)
        return tmp_path

    def rewrite(self, folder: Path, **changes: object) -> None:
        path = folder / "index.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | changes))

    def test_a_folder_without_a_header_is_no_index(self, tmp_path: Path) -> None:
        with pytest.raises(IndexDamagedError, match="no finished index"):
            open_index(tmp_path)

    def test_a_torn_header_is_damage(self, folder: Path) -> None:
        header = (folder / "index.json").read_bytes()
        (folder / "index.json").write_bytes(header[:40])
        with pytest.raises(IndexDamagedError, match="cannot be read as json"):
            open_index(folder)

    def test_a_later_format_version_is_named(self, folder: Path) -> None:
        self.rewrite(folder, format_version=2)
        with pytest.raises(IndexDamagedError, match="format version 2, this version reads 1"):
            open_index(folder)

    @pytest.mark.parametrize(
        "changes",
        [
            {"format": "else"},
            {"kind": "ivf"},
            {"n": "8"},
            {"n": True},
            {"sha256": None},
            {"file": "../x"},
            {"n_bytes": -1},
        ],
    )
    def test_a_header_that_is_not_ours_is_damage(self, folder: Path, changes: dict[str, object]) -> None:
        self.rewrite(folder, **changes)
        with pytest.raises(IndexDamagedError, match=r"index\.json"):
            open_index(folder)

    def test_a_truncated_file_is_damage(self, folder: Path) -> None:
        content = (folder / "vectors.npy").read_bytes()
        (folder / "vectors.npy").write_bytes(content[:-4])
        with pytest.raises(IndexDamagedError, match=f"has {len(content) - 4} bytes, expected {len(content)}"):
            open_index(folder)

    def test_a_missing_file_is_damage(self, folder: Path) -> None:
        (folder / "vectors.npy").unlink()
        with pytest.raises(IndexDamagedError, match="is missing"):
            open_index(folder)

    def test_a_file_of_another_shape_is_damage(self, folder: Path) -> None:
        np.save(folder / "vectors.npy", random_vectors(16, 8))
        with pytest.raises(IndexDamagedError, match=r"float32 \(16, 8\)"):
            open_index(folder)

    def test_a_file_that_is_no_array_is_damage(self, folder: Path) -> None:
        (folder / "vectors.npy").write_bytes(b"\0" * (folder / "vectors.npy").stat().st_size)
        with pytest.raises(IndexDamagedError, match="cannot be mapped"):
            open_index(folder)

    def test_an_altered_vector_is_found_when_asked_for(self, folder: Path) -> None:
        content = bytearray((folder / "vectors.npy").read_bytes())
        content[-1] ^= 1
        (folder / "vectors.npy").write_bytes(content)
        open_index(folder)
        with pytest.raises(IndexDamagedError, match="SHA-256"):
            open_index(folder, verify_checksum=True)


class TestRefusedQueries:
    @pytest.fixture
    def index(self, tmp_path: Path) -> VectorIndex:
        return exact_index(random_vectors(6), tmp_path)

    @pytest.mark.parametrize("shape", [(16,), (1, 15), (1, 1, 16)])
    def test_another_shape_is_named(self, index: VectorIndex, shape: tuple[int, ...]) -> None:
        with pytest.raises(ValueError, match=r"expected \(n_queries, 16\)"):
            index.search(np.zeros(shape, np.float32), 1)

    def test_a_query_that_is_not_finite(self, index: VectorIndex) -> None:
        with pytest.raises(ValueError, match="the queries hold a value that is not finite"):
            index.search(np.full((1, 16), np.inf, np.float32), 1)

    def test_a_k_of_zero(self, index: VectorIndex) -> None:
        with pytest.raises(ValueError, match="k is 0"):
            index.search(random_vectors(1), 0)

    @pytest.mark.parametrize("allowed", [np.ones(5, np.bool_), np.ones(6, np.int64)])
    def test_a_filter_of_another_length_or_type(self, index: VectorIndex, allowed: BoolArray) -> None:
        with pytest.raises(ValueError, match=r"expected bool of shape \(6,\)"):
            index.search(random_vectors(1), 1, allowed)
