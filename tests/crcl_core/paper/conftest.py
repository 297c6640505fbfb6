"""A small generated data set in the layout of the real ones."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from crcl_core.data.precomp import write_generated_precomp
from crcl_core.paper.benchmark import PaperDataset
from crcl_core.paper.data import PaperData, read_paper_data

N_TRAIN_PAIRS = 500
N_TEST_IMAGES = 20


@pytest.fixture(autouse=True, scope="package")
def _one_thread() -> Iterator[None]:
    """The models are so small that more threads only wait for each other."""
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(n_threads)


@pytest.fixture(scope="package")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Holds f30k_precomp and coco_precomp with five captions an image, cc152k_precomp with one, and vocabularies."""
    folder = tmp_path_factory.mktemp("data")
    n_train = N_TRAIN_PAIRS // 5
    write_generated_precomp(folder / "f30k_precomp", n_images={"train": n_train, "test": N_TEST_IMAGES})
    write_generated_precomp(folder / "coco_precomp", n_images={"train": n_train, "testall": N_TEST_IMAGES})
    write_generated_precomp(
        folder / "cc152k_precomp",
        n_images={"train": n_train, "test": N_TEST_IMAGES},
        captions_per_image=1,
        as_tsv=True,
    )
    return folder


@pytest.fixture(scope="package")
def f30k(folder: Path) -> PaperData:
    return read_paper_data(folder, PaperDataset.F30K)
