"""Tests of the stage that explains, on a corpus of unit vectors: image n and its caption lie on axis n."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.core.models import ReasonCode as StoredReasonCode
from crcl_core.detection import HeldOutEmbeddings
from crcl_core.encoders import load_encoder
from crcl_core.explanation import ReasonCode
from crcl_core.models import EmbeddingModel, ModelKind, ModelSpec, build_model
from crcl_core.training import embed_captions, save_model
from worker.stages.explaining import explain_corpus

_N = 80
_WRONG = 10  # the first pairs, which have each other's captions

Message = dict[str, Any]  # Any: JSON


def _ignore(_message: Message) -> None:
    """Hears nothing."""


def write_corpus(
    folder: Path,
    *,
    captions: Sequence[str] | None = None,
    has_held_out: bool = True,
    history: Sequence[float] = (0.0, 0.0),
    noise: float = 0.0,
    languages: Sequence[str] = (),
) -> Message:
    """Write what the stage `train` and the phase `report` leave; returns the stage's specification.

    Args:
        folder: where.
        captions: by pair.
        has_held_out: whether there are held-out embeddings.
        history: labels of every pair at the end of two rounds of an epoch.
        noise: makes each image fit each other caption a little.
        languages: by caption.
    """
    told = list(range(_N))
    told[:_WRONG] = [*range(1, _WRONG), 0]  # pair n has the caption of image n + 1
    correspondence = np.ones(_N, dtype=np.float32)
    correspondence[:_WRONG] = 0.0625
    images = np.eye(_N, dtype=np.float32) + np.float32(noise)
    images /= np.linalg.norm(images, axis=1, keepdims=True)
    vectors = np.eye(_N, dtype=np.float32)[told]
    np.savez(
        folder / "pairs.npz",
        image_index=np.arange(_N),
        caption_index=np.arange(_N),
        correspondence=correspondence,
    )
    np.savez(folder / "labels.npz", history=np.repeat(np.array(history, dtype=np.float16)[:, None], _N, axis=1))
    np.save(folder / "image_embeddings.npy", images)
    np.save(folder / "caption_embeddings.npy", vectors)
    if has_held_out:
        HeldOutEmbeddings(images[None], vectors[None], np.zeros(_N, dtype=np.int64)).save(folder)
    texts = captions or [f"an image of thing {chr(97 + number % 26)}{chr(97 + number // 26)}" for number in told]
    sources = [
        [2 * number + 1, f"{'web' if number < _WRONG else 'own'}/pictures/{number}.jpg", {"licence": "by"}, 1, "x.csv"]
        for number in range(_N)
    ]
    for name, rows in (("texts", texts), ("sources", sources)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    (folder / "languages.json").write_text(json.dumps(list(languages)), encoding="utf-8")
    return {
        "out": str(folder),
        "texts": str(folder / "texts.jsonl"),
        "sources": str(folder / "sources.jsonl"),
        "languages": str(folder / "languages.json"),
        "threshold": 0.3,
        "round_epochs": [1, 1],
        "warmup_epochs": 0,
        "momentum": 0.0,
        "encoder": "toy",
        "encoders": {"toy": "toy"},
        "cache": str(folder),
        "word_captions": 0,
        "device": "cpu",
        "n_threads": 1,
    }


def rows_of(folder: Path) -> dict[int, Message]:
    """What was written, by pair."""
    lines = (folder / "reasons.jsonl").read_text(encoding="utf-8").splitlines()
    return {row["pair"]: row for row in map(json.loads, lines)}


class TestExplainCorpus:
    def test_every_suspect_pair_gets_what_fits_it_better(self, tmp_path: Path) -> None:
        spec = write_corpus(tmp_path)
        result = explain_corpus(spec, _ignore)
        rows = rows_of(tmp_path)
        assert sorted(rows) == list(range(_WRONG))
        texts = [json.loads(line) for line in Path(spec["texts"]).read_text().splitlines()]
        # Pair 3 has the caption of image 4; its own stands at pair 2.
        assert rows[3]["reason_code"] == "better_caption"
        assert (rows[3]["best_caption"], rows[3]["best_caption_correspondence"]) == (texts[2], 1.0)
        assert rows[3]["repair_image"] == 4
        assert rows[3]["evidence"]["caption"] == texts[2]
        assert rows[3]["evidence"]["gain"] == pytest.approx(1.0)
        assert rows[3]["evidence"]["runner_up"]["reason_code"] == "better_image"
        assert result["reasons"] == {"better_caption": _WRONG}

    def test_the_group_of_the_noise_is_its_cause(self, tmp_path: Path) -> None:
        (cause,) = explain_corpus(write_corpus(tmp_path), _ignore)["causes"]
        assert (cause["column"], cause["value"], cause["n_pairs"], cause["n_flagged"]) == ("folder", "web", 10, 10)
        assert cause["share_of_noise"] == 1.0
        assert cause["also"] == [{"column": "folder", "value": "web/pictures"}]

    def test_an_address_groups_by_its_host(self, tmp_path: Path) -> None:
        spec = write_corpus(tmp_path)
        hosts = ["cdn.example.org" if number < _WRONG else "own.example.org" for number in range(_N)]
        rows = [[n, "1.jpg", {"url": f"https://{host}/{n}.jpg"}, 1, None] for n, host in enumerate(hosts)]
        Path(spec["sources"]).write_text("".join(json.dumps(row) + "\n" for row in rows))
        (cause,) = explain_corpus(spec, _ignore)["causes"]
        assert (cause["column"], cause["value"]) == ("column:url", "cdn.example.org")

    def test_a_file_of_captions_can_be_the_cause(self, tmp_path: Path) -> None:
        spec = write_corpus(tmp_path)
        rows = [[n, f"{n}.jpg", None, 1 + (n < _WRONG), "captions.csv"] for n in range(_N)]
        Path(spec["sources"]).write_text("".join(json.dumps(row) + "\n" for row in rows))
        (cause,) = explain_corpus(spec, _ignore)["causes"]
        assert (cause["column"], cause["value"]) == ("import_file", "version 2: captions.csv")

    def test_the_language_of_captions_can_be_the_cause(self, tmp_path: Path) -> None:
        spec = write_corpus(tmp_path, languages=["de"] * _WRONG + ["en"] * (_N - _WRONG))
        Path(spec["sources"]).write_text("".join(json.dumps([n, f"{n}.jpg", None, 1, None]) + "\n" for n in range(_N)))
        (cause,) = explain_corpus(spec, _ignore)["causes"]
        assert (cause["column"], cause["value"], cause["n_flagged"]) == ("caption_language", "de", 10)

    def test_it_tells_how_far_it_is(self, tmp_path: Path) -> None:
        heard: list[Message] = []
        explain_corpus(write_corpus(tmp_path), heard.append)
        assert heard == [{"kind": "explain", "share": 0.25}]  # of two searches the first, and half of the stage

    def test_without_held_out_embeddings_only_texts_give_reasons(self, tmp_path: Path) -> None:
        captions = ["IMG_2041.JPG", *[f"an image of thing number {chr(97 + number)}" for number in range(_N - 1)]]
        spec = write_corpus(tmp_path, captions=captions, has_held_out=False)
        assert explain_corpus(spec, _ignore)["reasons"] == {"not_a_description": 1}
        (row,) = rows_of(tmp_path).values()
        assert (row["pair"], row["evidence"]["kind"]) == (0, "file_name")
        assert (row["best_caption"], row["repair_image"]) == (None, None)

    def test_a_block_wins_and_names_rows_of_the_manifest(self, tmp_path: Path) -> None:
        spec = write_corpus(tmp_path)
        blocks = [{"first": 2, "last": 4, "offset": -1}]
        (tmp_path / "misplaced_blocks.json").write_text(json.dumps(blocks))
        explain_corpus(spec, _ignore)
        row = rows_of(tmp_path)[3]
        evidence = {name: value for name, value in row["evidence"].items() if name != "runner_up"}
        assert (row["reason_code"], evidence) == ("shifted_block", {"first_row": 5, "last_row": 9, "offset": -1})
        assert row["evidence"]["runner_up"]["reason_code"] == "better_caption"

    def test_rounds_that_disagree_leave_a_pair_uncertain(self, tmp_path: Path) -> None:
        # All images are alike, so nothing fits better.
        spec = write_corpus(tmp_path, history=(0.25, 1.0), noise=1e6)
        assert explain_corpus(spec, _ignore)["reasons"] == {"uncertain": _WRONG}
        assert rows_of(tmp_path)[0]["evidence"]["rounds"] == [0.25, 1.0]

    def test_where_nothing_is_found_the_pair_does_not_match(self, tmp_path: Path) -> None:
        assert explain_corpus(write_corpus(tmp_path, noise=1e6), _ignore)["reasons"] == {"no_match": _WRONG}

    def test_pairs_up_to_the_threshold_are_explained_where_it_is_high(self, tmp_path: Path) -> None:
        spec = write_corpus(tmp_path) | {"threshold": 1.0}
        correspondence = np.full(_N, 0.75, dtype=np.float32)
        np.savez(
            tmp_path / "pairs.npz",
            image_index=np.arange(_N),
            caption_index=np.arange(_N),
            correspondence=correspondence,
        )
        explain_corpus(spec, _ignore)
        assert len(rows_of(tmp_path)) == _N


class TestWordsOfCaptions:
    def test_a_word_that_is_not_in_the_image_is_found(self, tmp_path: Path) -> None:
        spec = self._worded(tmp_path)
        result = explain_corpus(spec | {"word_captions": 8 * _WRONG}, _ignore)
        assert result["reasons"] == {"unsupported_words": _WRONG}
        evidence = rows_of(tmp_path)[0]["evidence"]
        assert "frisbee" in [word["word"] for word in evidence["words"]]

    def test_the_budget_bounds_it(self, tmp_path: Path) -> None:
        spec = self._worded(tmp_path)
        assert explain_corpus(spec | {"word_captions": 7}, _ignore)["reasons"] == {
            "no_match": _WRONG - 1,
            "unsupported_words": 1,
        }

    def test_an_encoder_that_cannot_be_loaded_is_told_and_costs_the_words_only(self, tmp_path: Path) -> None:
        heard: list[Message] = []
        spec = self._worded(tmp_path) | {"word_captions": 100, "encoder": "gone"}
        assert explain_corpus(spec, heard.append)["reasons"] == {"no_match": _WRONG}
        assert [message["kind"] for message in heard if message["kind"] != "explain"] == ["words_skipped"]

    def _worded(self, folder: Path) -> Message:
        """A corpus whose wrong captions are right but for a frisbee, with a model that was never trained."""
        right = "a dog runs over green grass"
        spec = write_corpus(folder, captions=[right.replace("grass", "frisbee")] * _N, noise=1e6)
        encoder = load_encoder("toy", {"toy": "toy"}, cache_dir=folder)
        shape = ModelSpec(
            kind=ModelKind.HEADS, image_dim=encoder.image_dim, caption_dim=encoder.caption_dim, joint_dim=32
        )
        model = build_model(shape)
        assert isinstance(model, EmbeddingModel)
        save_model(folder / "model.safetensors", model, shape)
        # The image is where the caption would be without the word.
        whole, without = embed_captions(model, encoder.encode_captions([right, "a dog runs over green"]))
        np.save(folder / "image_embeddings.npy", np.repeat(without[None], _N, axis=0))
        np.save(folder / "caption_embeddings.npy", np.repeat(whole[None], _N, axis=0))
        return spec


class TestReasonCodes:
    def test_the_library_and_the_service_know_the_same(self) -> None:
        assert [code.value for code in ReasonCode] == [code.value for code in StoredReasonCode]
