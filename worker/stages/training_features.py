"""What a training reads: the vectors that an encoder made, or its regions and the words of the captions."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from app.core.errors import JobFailedError
from crcl_core.data import PairFeatures, Vocabulary
from worker.trainer import Spec

# In a small corpus most words stand a few times only; leaving them out would leave too little of the captions.
_FEW_CAPTIONS = 10_000
_MIN_COUNT_OF_FEW, _MIN_COUNT_OF_MANY = 2, 4


def load_features(spec: Spec) -> tuple[PairFeatures, Vocabulary | None]:
    """The features of the pairs, and the vocabulary where captions are words.

    Args:
        spec: `images`, an npy file of vectors or regions; `captions`, one of vectors, or None to read words: then
            `texts`, the distinct captions, a JSON string a line, and `min_word_count`, or None for one that suits
            their number; `pairs`, an npz with `image_index` and `caption_index`.

    Raises:
        JobFailedError: `no_known_word`: no word stands often enough to be known.
    """
    pairs = np.load(spec["pairs"], allow_pickle=False)
    images = np.load(spec["images"], mmap_mode="r")
    if spec["captions"] is not None:
        captions = np.load(spec["captions"], mmap_mode="r")
        return PairFeatures(images, captions, pairs["image_index"], pairs["caption_index"]), None
    texts = [json.loads(line) for line in Path(spec["texts"]).read_text(encoding="utf-8").splitlines()]
    vocabulary = build_vocabulary(texts, spec["min_word_count"])
    return (
        PairFeatures(
            image_features=images,
            caption_features=vocabulary.encode(texts),
            image_index=pairs["image_index"],
            caption_index=pairs["caption_index"],
            vocabulary_size=len(vocabulary),
        ),
        vocabulary,
    )


def build_vocabulary(captions: Sequence[str], min_count: int | None) -> Vocabulary:
    """The words of the distinct captions. Equal captions give equal ids, so an interrupted training may go on.

    Args:
        captions: C texts.
        min_count: rarer words are read as unknown; None = 2 below 10,000 captions, else the papers' 4.

    Raises:
        JobFailedError: `no_known_word`: no word stands often enough to be known.
    """
    if min_count is None:
        min_count = _MIN_COUNT_OF_FEW if len(captions) < _FEW_CAPTIONS else _MIN_COUNT_OF_MANY
    vocabulary = Vocabulary.from_captions(captions, min_count=min_count)
    if not vocabulary.words:
        raise JobFailedError(
            f"no word stands {min_count} times or more in the {len(captions)} distinct captions, so a model that reads "
            "words has nothing to learn from; lower min_word_count, or clean with model heads",
            code="no_known_word",
        )
    return vocabulary
