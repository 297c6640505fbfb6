"""The training and test pairs of a row as its models read them."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import final

from crcl_core.data import PairFeatures, Vocabulary
from crcl_core.encoders import Encoder
from crcl_core.paper.data import PaperData, read_vocabulary
from crcl_core.paper.progress import ProgressDisplay
from crcl_core.paper.training_noise import TrainingNoise
from crcl_core.paper.vector_features import vector_features


@final
@dataclass(frozen=True, eq=False)
class RowFeatures:
    """What a row is trained on and reported on.

    Attributes:
        train: With the noise.
        test: As it is.
        vocabulary: Of words; None where captions are vectors.
        official_vocabulary: The file that the vocabulary was read from; None where it was built.
    """

    train: PairFeatures
    test: PairFeatures
    vocabulary: Vocabulary | None = None
    official_vocabulary: Path | None = None


def word_features(data: PaperData, noise: TrainingNoise, *, min_word_count: int) -> RowFeatures:
    """Pairs regions with words.

    Raises:
        ValueError: The features are one vector an image, or the official vocabulary cannot be read.
    """
    if data.train.image_features.ndim != 3:
        raise ValueError(
            f"{data.folder}/train_ims.npy holds one vector an image, {data.train.image_features.shape}; this model "
            "reads regions, expected (I, R, D), or model 'heads'"
        )
    vocabulary, official = read_vocabulary(data, min_word_count=min_word_count)
    train = replace(data.train.pair_features(vocabulary), image_index=noise.image_index)
    return RowFeatures(train, data.test.pair_features(vocabulary), vocabulary, official)


def head_features(
    data: PaperData,
    noise: TrainingNoise,
    load_encoder: Callable[[], Encoder],
    cache: Path,
    progress: ProgressDisplay,
) -> RowFeatures:
    """Pairs mean regions with caption vectors.

    Args:
        data: Both splits.
        noise: Of the training split.
        load_encoder: Gives the encoder of the captions.
        cache: Folder of the caption vectors.
        progress: Shows the encoding.
    """
    with progress.step("loading the caption encoder"):
        encoder = load_encoder()
    with progress.step("encoding the training captions") as step:
        train = vector_features(data.train, encoder, cache, step)
    with progress.step("encoding the test captions") as step:
        test = vector_features(data.test, encoder, cache, step)
    return RowFeatures(replace(train, image_index=noise.image_index), test)
