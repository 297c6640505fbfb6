"""Fixtures of the training tests."""

from collections.abc import Iterator

import pytest
import torch

from crcl_core.data import PairFeatures
from crcl_core.training import TrainingResult, train
from tests.crcl_core.training.clusters import ClusteredCorpus, clustered_corpus
from tests.crcl_core.training.runs import SHORT


@pytest.fixture(autouse=True, scope="package")
def _one_thread() -> Iterator[None]:
    """Trains on one thread: the corpora are so small that more threads only wait for each other."""
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(n_threads)


@pytest.fixture(scope="package")
def features() -> PairFeatures:
    """200 pairs: too few to hold any out."""
    return clustered_corpus(200).features


@pytest.fixture(scope="package")
def whole(features: PairFeatures) -> TrainingResult:
    """The short training of `features` that nobody interrupts."""
    return train(features, SHORT)


@pytest.fixture(scope="package")
def held_out_corpus() -> ClusteredCorpus:
    """Just enough pairs for some of them to be held out."""
    return clustered_corpus(2_000)


@pytest.fixture(scope="package")
def held_out_whole(held_out_corpus: ClusteredCorpus) -> TrainingResult:
    """The short training of `held_out_corpus` that nobody interrupts."""
    return train(held_out_corpus.features, SHORT)
