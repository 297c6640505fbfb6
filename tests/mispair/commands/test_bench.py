import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from crcl_core.data.precomp import write_generated_precomp
from crcl_core.paper import PaperDataset, PaperModel
from mispair.commands.bench import Dataset, Model
from tests.mispair.commands.running import CommandLine

TINY = (
    *("--set", "joint_dim=16", "--set", "word_dim=8", "--set", "similarity_dim=8", "--set", "batch_size=64"),
    *("--set", "round_epochs=[1]", "--set", "warmup_epochs=1", "--threads", 1, "--caption-encoder", "toy"),
)


@pytest.fixture(autouse=True)
def _threads_as_before() -> Iterator[None]:
    n_threads = torch.get_num_threads()
    yield
    torch.set_num_threads(n_threads)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    for name, test_split in (("f30k", "test"), ("coco", "testall")):
        write_generated_precomp(folder / f"{name}_precomp", n_images={"train": 50, test_split: 10})
    write_generated_precomp(
        folder / "cc152k_precomp", n_images={"train": 50, "test": 10}, captions_per_image=1, as_tsv=True
    )
    return folder


class TestPaper:
    @pytest.mark.parametrize(
        ("model", "rows"),
        [
            ("vse_infty", ["CRCL-VSE-infinity"]),
            ("saf", ["CRCL-SAF"]),
            ("sgr", ["CRCL-SGR"]),
            ("sgraf", ["CRCL-SAF", "CRCL-SGR", "CRCL-SGRAF"]),
            ("heads", ["CRCL-heads"]),
        ],
    )
    def test_prints_rows_and_json(
        self, mispair: CommandLine, data: Path, tmp_path: Path, model: str, rows: list[str]
    ) -> None:
        ended = mispair(
            *("bench", "paper", "--data", data, "--dataset", "f30k", "--model", model),
            *("--noise", 0.4, "--out", tmp_path / "out", *TINY),
        )
        assert ended.code == 0, ended.err
        lines = ended.out.splitlines()
        assert lines[0].startswith("| test set | noise | model | image to text R@1 | R@5 | R@10 |")
        assert [line.split(" | ")[2] for line in lines[2 : 2 + len(rows)]] == rows
        assert all(line.startswith("| Flickr30K | 40% caption-level |") for line in lines[2 : 2 + len(rows)])
        result = json.loads(lines[-1])
        assert (result["dataset"], result["model"], len(result["rows"])) == ("f30k", model, len(rows))
        assert json.loads((tmp_path / "out" / "result.json").read_text()) == result
        assert f"training {model.replace('sgraf', 'sgr')}, 2 epochs: done in" in ended.err

    @pytest.mark.parametrize("model", ["vse_infty", "sgraf", "heads"])
    @pytest.mark.parametrize(
        ("dataset", "test_sets"),
        [("coco", ["| MS-COCO 1K | none |", "| MS-COCO 5K | none |"]), ("cc152k", ["| CC152K | real |"])],
    )
    def test_takes_every_dataset(
        self, mispair: CommandLine, data: Path, tmp_path: Path, dataset: str, test_sets: list[str], model: str
    ) -> None:
        ended = mispair(
            *("bench", "paper", "--data", data, "--dataset", dataset, "--model", model),
            *("--out", tmp_path / "out", *TINY),
        )
        assert ended.code == 0, ended.err
        assert all(test_set in ended.out for test_set in test_sets)

    def test_marks_what_is_unconfirmed_and_what_was_changed(
        self, mispair: CommandLine, data: Path, tmp_path: Path
    ) -> None:
        ended = mispair(
            *("bench", "paper", "--data", data, "--dataset", "coco", "--model", "vse_infty"),
            *("--out", tmp_path / "out", *TINY),
        )
        assert ended.code == 0, ended.err
        assert "- Unconfirmed: lr_decay_epochs = 10." in ended.out
        assert "- Changed for this run: batch_size = 64, joint_dim = 16, round_epochs = 1, " in ended.out
        assert "- Trained on 250 pairs, where the paper has 566435: no figure of the paper compares." in ended.out
        assert "The official code chooses on the dev split." in ended.out
        assert "| MS-COCO 1K | none |" in ended.out
        assert "| MS-COCO 5K | none |" in ended.out

    def test_goes_on_where_it_was_stopped(self, mispair: CommandLine, data: Path, tmp_path: Path) -> None:
        arguments = (
            *("bench", "paper", "--data", data, "--dataset", "f30k", "--model", "heads"),
            *("--noise", 0.2, "--out", tmp_path / "out", *TINY),
        )
        first, second = mispair(*arguments), mispair(*arguments)
        assert "training heads, 2 epochs: 100%" not in second.err
        assert first.out.splitlines()[:3] == second.out.splitlines()[:3]

    def test_missing_files_are_named_with_the_place_they_belong(self, mispair: CommandLine, tmp_path: Path) -> None:
        ended = mispair("bench", "paper", "--data", tmp_path, "--dataset", "cc152k", "--model", "sgraf")
        assert (ended.code, ended.out) == (2, "")
        assert "mispair: cc152k needs train_ims.npy, train_caps.txt or train_caps.tsv, test_ims.npy" in ended.err
        assert f"in {tmp_path / 'cc152k_precomp'}, not found. Mispair downloads no data set" in ended.err
        assert "Traceback" not in ended.err

    @pytest.mark.parametrize(
        ("wrong", "words"),
        [
            (("--set", "batch=3"), "'batch' is no setting, expected one of batch_size"),
            (("--set", "batch_size=1"), "batch_size is 1, expected 2 or more"),
            (("--set", "batch_size"), "is not KEY=VALUE"),
            (("--noise", 1.5), "--noise"),
            (("--device", "tpu"), "device is 'tpu', expected cpu, cuda or cuda:N"),
            (("--device", "cuda:99"), "device is 'cuda:99', and this machine has"),
            (("--noise-index", "nowhere.npy"), "nowhere.npy"),
            (("--model", "clip"), "'clip' is not one of"),
            (("--caption-encoder", "unheard"), "specification 'unheard', expected"),
        ],
    )
    def test_wrong_usage_ends_with_2_and_words(
        self, mispair: CommandLine, data: Path, tmp_path: Path, wrong: tuple[object, ...], words: str
    ) -> None:
        usual = ("--data", data, "--dataset", "f30k", "--model", "heads", "--out", tmp_path / "out")
        ended = mispair("bench", "paper", *usual, *wrong)
        assert (ended.code, ended.out) == (2, "")
        assert words in ended.err
        assert "Traceback" not in ended.err

    def test_a_noise_file_that_does_not_fit_is_refused(self, mispair: CommandLine, data: Path, tmp_path: Path) -> None:
        np.save(tmp_path / "noise.npy", np.arange(7))
        ended = mispair(
            *("bench", "paper", "--data", data, "--dataset", "f30k", "--model", "heads"),
            *("--noise-index", tmp_path / "noise.npy", "--out", tmp_path / "out"),
        )
        assert ended.code == 2
        assert "noise.npy holds 7 numbers, expected 250 (an image for each caption) or 50" in ended.err

    def test_the_folder_of_another_training_is_refused(self, mispair: CommandLine, data: Path, tmp_path: Path) -> None:
        arguments = (
            *("bench", "paper", "--data", data, "--dataset", "f30k", "--model", "heads"),
            *("--out", tmp_path / "out", *TINY),
        )
        assert mispair(*arguments).code == 0
        ended = mispair(*arguments, "--seed", 5)
        assert ended.code == 2
        assert "belongs to another training: other settings, features or code; --out takes another folder" in ended.err


def test_the_names_are_those_of_the_library() -> None:
    assert [each.value for each in Dataset] == [each.value for each in PaperDataset]
    assert [each.value for each in Model] == [each.value for each in PaperModel]


def test_the_command_line_starts_without_the_library() -> None:
    code = "import sys, mispair.cli; print([name for name in sys.modules if name in ('torch', 'crcl_core')])"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout == "[]\n"
