"""Tests of the stage that certifies a cleaning."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from crcl_core.types import BoolArray
from tests.crcl_core.certification.corpora import known_correspondence, noisy_corpus
from worker.stages.certifying import certify_corpus

_Spec = dict[str, Any]  # Any: JSON


def _spec(folder: Path, is_flagged: BoolArray | None = None) -> _Spec:
    """What the phase writes; flags are those given, else the mismatches."""
    features, is_mismatch = noisy_corpus()
    np.save(folder / "images.npy", features.image_features)
    np.save(folder / "captions.npy", features.caption_features)
    np.savez(
        folder / "pairs.npz",
        image_index=features.image_index,
        caption_index=features.caption_index,
        correspondence=known_correspondence(is_mismatch if is_flagged is None else is_flagged),
    )
    return {
        "images": str(folder / "images.npy"),
        "captions": str(folder / "captions.npy"),
        "texts": "",
        "min_word_count": None,
        "pairs": str(folder / "pairs.npz"),
        "threshold": 0.5,
        "chosen_threshold": 0.1,
        "method": "crcl",
        "fdr": 0.1,
        "config": {
            "round_epochs": [2, 2],
            "warmup_epochs": 1,
            "batch_size": 32,
            "joint_dim": 16,
            "learning_rate": 5e-3,
            "seed": 7,
        },
        "has_joint_space": False,
        "device": "cpu",
        "n_threads": 1,
        "about": {"run_id": "r"},
        "out": str(folder),
    }


class TestCertifyCorpus:
    def test_leaves_a_certificate_of_three_seeds_and_its_chart(self, tmp_path: Path) -> None:
        told: list[_Spec] = []
        result = certify_corpus(_spec(tmp_path), told.append)
        certificate = json.loads((tmp_path / "certificate.json").read_text())
        assert [seed["seed"] for seed in certificate["seeds"]] == [0, 1, 2]
        assert certificate["run"] == {"run_id": "r"}
        assert result["refusal"] is None
        assert result["verdict"] == certificate["verdict"]
        assert result["r_sum"] == pytest.approx(
            {arm: certificate["r_sum"][arm]["mean"] for arm in result["r_sum"]}, abs=1e-3
        )
        assert set(result["r_sum"]) == {"raw", "cleaned", "random"}
        assert (tmp_path / "certificate.svg").read_text().startswith("<svg")
        shares = [message["share"] for message in told]
        assert shares == sorted(shares)
        assert shares[-1] == pytest.approx(1.0)
        assert list(dict.fromkeys(message["step"] for message in told)) == [
            "detecting",
            "raw",
            "cleaned",
            "random",
        ]

    def test_the_cleaning_of_a_seed_is_the_runs_own_on_a_part(self, tmp_path: Path) -> None:
        spec = _spec(tmp_path) | {"chosen_threshold": 0.0}  # Nothing lies below it.
        assert certify_corpus(spec, lambda _message: None)["refusal"]["code"] == "nothing_flagged"

    def test_nothing_flagged_is_an_answer_and_no_failure(self, tmp_path: Path) -> None:
        result = certify_corpus(_spec(tmp_path, np.zeros(200, dtype=np.bool_)), lambda _message: None)
        assert result["refusal"]["code"] == "nothing_flagged"
        assert (result["verdict"], result["r_sum"]) == (None, None)
        assert not (tmp_path / "certificate.json").exists()
