"""Finds and reads a data set's folder of features as the official codes expect it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import final

from crcl_core.data import Vocabulary
from crcl_core.data.precomp import PrecompSplit, read_precomp
from crcl_core.paper.benchmark import PaperDataset

_NO_DOWNLOAD = "Mispair downloads no data set; docs/paper.md says where each is to be had and how its files are named."


@final
@dataclass(frozen=True, eq=False)
class PaperData:
    """The splits that a row needs. The dev split is not among them: the trainer chooses on a part of train.

    Attributes:
        folder: The folder of features.
        train: Trained on.
        test: Reported.
    """

    folder: Path
    train: PrecompSplit
    test: PrecompSplit


def read_paper_data(data: Path, dataset: PaperDataset) -> PaperData:
    """Reads the train and test splits and checks that one model fits both.

    Args:
        data: The folder that holds `{dataset}_precomp`, or that folder itself.
        dataset: Which data set.

    Raises:
        FileNotFoundError: Files are missing; the message names all of them.
        ValueError: A file is not what it should be, or train and test have regions of different shapes.
    """
    folder = _folder(data, dataset)
    missing = list(_missing(folder, dataset))
    if missing:
        raise FileNotFoundError(f"{dataset.value} needs {', '.join(missing)} in {folder}, not found. {_NO_DOWNLOAD}")
    train, test = read_precomp(folder, "train"), read_precomp(folder, dataset.test_split)
    _require_same_regions(folder, train, test, dataset.test_split)
    return PaperData(folder, train, test)


def read_vocabulary(data: PaperData, *, min_word_count: int) -> tuple[Vocabulary, Path | None]:
    """Reads the official vocabulary that lies beside the folder, or builds one from the training captions.

    Args:
        data: What to read the words of.
        min_word_count: Rarer words are left out of a vocabulary that is built.

    Returns:
        The vocabulary, and the official file or None.

    Raises:
        ValueError: The file is no official vocabulary.
    """
    path = data.folder.parent / "vocab" / f"{data.folder.name}_vocab.json"
    if path.exists():
        return Vocabulary.from_official(path), path
    return Vocabulary.from_captions(data.train.captions, min_count=min_word_count), None


def _folder(data: Path, dataset: PaperDataset) -> Path:
    inner = data / dataset.folder_name
    is_inner_itself = not inner.exists() and (data.name == dataset.folder_name or (data / "train_ims.npy").exists())
    # Resolved: "." has no name, and the vocabulary is looked for beside the folder.
    return data.resolve() if is_inner_itself else inner


def _missing(folder: Path, dataset: PaperDataset) -> Iterator[str]:
    for split in ("train", dataset.test_split):
        if not (folder / f"{split}_ims.npy").is_file():
            yield f"{split}_ims.npy"
        texts = [f"{split}_caps.{ending}" for ending in ("txt", "tsv")]
        if not any((folder / name).is_file() for name in texts):
            yield " or ".join(texts)


def _require_same_regions(folder: Path, train: PrecompSplit, test: PrecompSplit, test_split: str) -> None:
    of_train, of_test = train.image_features.shape[1:], test.image_features.shape[1:]
    if of_train != of_test:
        raise ValueError(
            f"{folder}: an image is {of_train} in train_ims.npy and {of_test} in {test_split}_ims.npy, "
            "expected the same (R, D) in both"
        )
