"""Tests of the stage that repairs, on unit vectors: a block of the corpus is shifted, and some pairs are shuffled."""

import json
import uuid
from pathlib import Path
from typing import Any

import numpy as np

from tests.crcl_core.repair.corpora import JudgedCorpus, judged_corpus
from worker.pipeline.pair_list import PairList
from worker.pipeline.repairing import ProposedRepairs
from worker.stages.repairing import repair_corpus

_N = 300


def _corpus() -> JudgedCorpus:
    own = np.arange(_N)
    own[100:160] = np.roll(own[100:160], -2)
    own[[10, 50, 250]] = own[[50, 250, 10]]
    return judged_corpus(own)


def _write(corpus: JudgedCorpus, folder: Path, *, has_held_out: bool = True) -> dict[str, Any]:  # Any: JSON
    np.savez(
        folder / "pairs.npz",
        image_index=corpus.features.image_index,
        caption_index=corpus.features.caption_index,
        correspondence=corpus.correspondence,
    )
    np.save(folder / "images.npy", corpus.features.image_features)
    np.save(folder / "captions.npy", corpus.features.caption_features)
    if has_held_out:
        corpus.held_out.save(folder)
    files = {name: str(folder / f"{name}.npy") for name in ("images", "captions")}
    return {"out": str(folder), **files, "threshold": 0.5, "seed": 0}


class TestRepairCorpus:
    def test_what_it_writes_is_read_as_rows(self, tmp_path: Path) -> None:
        corpus = _corpus()
        result = repair_corpus(_write(corpus, tmp_path))
        found = ProposedRepairs.read(tmp_path / "repairs.npz")
        first, *others = found.rows(np.arange(_N) + 1)
        assert result == {"n_repairs": len(others) + 1}
        assert (first.number, first.kind, first.n_pairs, first.offset) == (1, "shift", 58, 2)
        assert (first.first_row, first.last_row) == (101, 158)
        assert first.before < 0.1 < 0.9 < first.after
        assert {other.kind for other in others} == {"reassign"}
        ids = [uuid.UUID(int=row) for row in range(_N)]
        pairs = PairList(ids, corpus.features.image_index, corpus.features.caption_index)
        assert {pair.pair_id.int: pair.caption_pair_id.int for pair in found.pair_rows(pairs)} == {
            row: corpus.own[row] for row in np.flatnonzero(corpus.is_flagged).tolist()
        }

    def test_blocks_are_left_for_the_reasons(self, tmp_path: Path) -> None:
        repair_corpus(_write(_corpus(), tmp_path))
        blocks = json.loads((tmp_path / "misplaced_blocks.json").read_text())
        assert blocks == [{"first": 100, "last": 157, "offset": 2}]

    def test_the_only_caption_of_an_image_is_its_best(self, tmp_path: Path) -> None:
        repair_corpus(_write(_corpus(), tmp_path))
        assert np.load(tmp_path / "caption_places.npy").tolist() == [1] * _N

    def test_captions_that_are_words_do_without_vectors(self, tmp_path: Path) -> None:
        spec = _write(_corpus(), tmp_path) | {"captions": None}
        assert repair_corpus(spec)["n_repairs"] > 1

    def test_without_held_out_embeddings_nothing_is_proposed(self, tmp_path: Path) -> None:
        assert repair_corpus(_write(_corpus(), tmp_path, has_held_out=False)) == {"n_repairs": 0}
        assert list(ProposedRepairs.read(tmp_path / "repairs.npz").rows(np.arange(_N))) == []
        assert not (tmp_path / "misplaced_blocks.json").exists()
        assert not (tmp_path / "caption_places.npy").exists()

    def test_where_nothing_is_flagged_nothing_is_proposed(self, tmp_path: Path) -> None:
        assert repair_corpus(_write(_corpus(), tmp_path) | {"threshold": 0.0}) == {"n_repairs": 0}
