"""Words of a caption that are not in its image: the caption fits better without them."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from crcl_core.explanation.evidence import UnsupportedWord, UnsupportedWords
from crcl_core.types import FloatArray

# A cosine that rises by one temperature of the training (0.05) multiplies by e the odds of the caption against any
# other; less than that happens whichever word is left out.
MIN_RISE = 0.05
# Where more of the words are unsupported, it is the caption that is wrong and not some of its words.
MAX_SHARE = 0.5

_WORD = re.compile(r"\S+")
_EDGES = re.compile(r"^\W+|\W+$")

EmbedCaptions = Callable[[Sequence[str]], FloatArray]


@final
@dataclass(frozen=True, eq=False)
class WordedPair:
    """A pair to be looked at word by word: its number, its caption, and its image's embedding (J,), L2-normalised."""

    pair: int
    caption: str
    image: FloatArray


def unsupported_words(
    words: Sequence[str], similarity: float, without: Sequence[float], *, min_rise: float = MIN_RISE
) -> UnsupportedWords | None:
    """The words without which the similarity is higher by `min_rise` or more; None if none, or too many, are.

    Args:
        words: T words.
        similarity: Cosine of image and whole caption.
        without: (T,) the cosine when the word is left out.
        min_rise: What counts as higher.
    """
    rises = [float(value) - similarity for value in without]
    found = [
        UnsupportedWord(_EDGES.sub("", word) or word, position, rise)
        for position, (word, rise) in enumerate(zip(words, rises, strict=True))
        if rise >= min_rise
    ]
    if not found or len(found) > MAX_SHARE * len(words):
        return None
    return UnsupportedWords(tuple(sorted(found, key=lambda word: -word.rise)), similarity)


def leave_words_out(
    pairs: Sequence[WordedPair],
    embed: EmbedCaptions,
    *,
    max_captions: int,
    on_pair: Callable[[], None] = lambda: None,
) -> Iterator[tuple[int, UnsupportedWords]]:
    """Looks at pairs word by word, in the given order, until the next would take more captions than are allowed.

    Args:
        pairs: Whatever promises most first.
        embed: T texts to (T, J) float32, L2-normalised, in the space of the images.
        max_captions: How many texts may be embedded in all; a caption of T words takes T + 1.
        on_pair: Told after each.
    """
    for pair in pairs:
        words = _WORD.findall(pair.caption)
        if len(words) < 2:
            continue
        max_captions -= len(words) + 1
        if max_captions < 0:
            return
        shortened = [" ".join(words[:position] + words[position + 1 :]) for position in range(len(words))]
        cosines = embed([pair.caption, *shortened]) @ np.asarray(pair.image, dtype=np.float32)
        found = unsupported_words(words, float(cosines[0]), [float(value) for value in cosines[1:]])
        if found is not None:
            yield pair.pair, found
        on_pair()
