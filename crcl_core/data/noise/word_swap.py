"""Word-swap noise: a caption that is right but for one word, the hardest mismatch to see."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, final

import numpy as np

from crcl_core.data.noise.function_words import FUNCTION_WORDS
from crcl_core.data.noise.noisy_correspondence import chosen_positions
from crcl_core.data.word_splitter import WordSpan, split_words, word_spans
from crcl_core.types import BoolArray, IntArray

# Other languages' function words are known by this: more captions hold them than hold any word that says something.
_COMMON_SHARE: Final = 0.3
_FEWEST_COMMON: Final = 10
# A word and its substitute occur within this factor of each other, so that rarity does not give the swap away.
_BAND: Final = 4
# "dog", "dogs"; "run", "running"; "puppy", "puppies": that many first letters in common, and no longer ends.
_STEM_LENGTH: Final = 3
_ENDING_LENGTH: Final = 3
_EDGE: Final = ""


@final
@dataclass(frozen=True)
class WordSwap:
    """Captions some of which had a word exchanged.

    Attributes:
        captions: N texts; all but one word of each is as it was.
        is_mismatch: (N,) bool, True where a word was exchanged.
    """

    captions: tuple[str, ...]
    is_mismatch: BoolArray


def word_swap_noise(captions: Sequence[str], image_index: IntArray, ratio: float, seed: int) -> WordSwap:
    """Replaces one content word in a share of the captions by another word of the corpus that fits its place.

    A content word is any that is neither one of a closed list of English function words nor in three captions of ten.
    Its substitute is drawn, each as likely, from the content words that occur up to four times as often or as seldom
    and that the corpus also shows in the same slot: between the same two words; when there is none, behind the one and,
    elsewhere, before the other; then behind the one; then before the other; then anywhere. No caption of the image may
    hold the substitute or another form of it ("dog", "dogs"), since it would probably be true of the image. What else
    is true of the image cannot be known: a synonym that no caption of it uses may be drawn.

    Args:
        captions: N texts, one a pair.
        image_index: (N,) int64, the image of each caption.
        ratio: Share of the captions to choose, in [0, 1].
        seed: Given to NumPy as it is, so that tables name it.

    Returns:
        The captions; one without a content word, or whose words have no substitute, stays as it is.

    Raises:
        ValueError: The ratio is outside [0, 1], or the two arguments differ in length.
    """
    if len(captions) != len(image_index):
        raise ValueError(f"{len(captions)} captions and {len(image_index)} entries of image_index, expected as many")
    random = np.random.default_rng(seed)
    chosen = np.sort(chosen_positions(len(captions), ratio, random))
    statistics = _SlotStatistics(captions)
    altered, is_mismatch = list(captions), np.zeros(len(captions), dtype=np.bool_)
    for pair, true_words in _with_words_of_image(captions, np.asarray(image_index), chosen):
        swapped = _with_swapped_word(captions[pair], true_words, statistics, random)
        if swapped is not None:
            altered[pair], is_mismatch[pair] = swapped, True
    return WordSwap(tuple(altered), is_mismatch)


def _with_words_of_image(
    captions: Sequence[str], image_index: IntArray, chosen: IntArray
) -> Iterator[tuple[int, frozenset[str]]]:
    """Yields each chosen pair with all words that captions of its image use, image by image."""
    by_image = np.argsort(image_index, kind="stable")
    starts = np.flatnonzero(np.diff(image_index[by_image], prepend=-1))
    is_chosen = np.zeros(len(captions), dtype=np.bool_)
    is_chosen[chosen] = True
    for start, end in pairwise([*starts.tolist(), len(by_image)]):
        siblings = by_image[start:end]
        if is_chosen[siblings].any():
            words = frozenset(word for pair in siblings for word in split_words(captions[pair]))
            yield from ((int(pair), words) for pair in siblings[is_chosen[siblings]])


class _SlotStatistics:
    """How often content words occur in a corpus, and next to which words."""

    def __init__(self, captions: Sequence[str]) -> None:
        counts: Counter[str] = Counter()
        n_captions_with: Counter[str] = Counter()
        self._between: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
        self._behind: defaultdict[str, set[str]] = defaultdict(set)
        self._before: defaultdict[str, set[str]] = defaultdict(set)
        for caption in captions:
            words = [_EDGE, *split_words(caption), _EDGE]
            contents = [place for place, word in enumerate(words) if _says_something(word)]
            counts.update(words[place] for place in contents)
            n_captions_with.update({words[place] for place in contents})
            for place in contents:
                left, word, right = words[place - 1 : place + 2]
                self._between[left, right].add(word)
                self._behind[left].add(word)
                self._before[right].add(word)
        n_common = max(_COMMON_SHARE * len(captions), _FEWEST_COMMON)
        self._counts = {word: count for word, count in counts.items() if n_captions_with[word] <= n_common}

    def is_content(self, word: str) -> bool:
        """Whether exchanging the word changes what a caption says."""
        return word in self._counts

    def substitutes(self, left: str, word: str, right: str) -> Iterator[list[str]]:
        """Yields candidates for a word that stands between two others, best-fitting group first, each group sorted."""
        behind, before = self._behind[left], self._before[right]
        for group in (self._between[left, right], behind & before, behind, before, self._counts):
            yield self._of_like_frequency(group, word)

    def _of_like_frequency(self, group: Collection[str], word: str) -> list[str]:
        count, counts = self._counts[word], self._counts
        # Sorted, because the order of a set of strings differs between processes.
        return sorted(
            other
            for other in group
            if other in counts and counts[other] <= _BAND * count and count <= _BAND * counts[other]
        )


def _with_swapped_word(
    caption: str, true_words: frozenset[str], statistics: _SlotStatistics, random: np.random.Generator
) -> str | None:
    spans = list(word_spans(caption))
    contents = [place for place, span in enumerate(spans) if statistics.is_content(span.word)]
    for number in random.permutation(len(contents)):
        place = contents[number]
        left = spans[place - 1].word if place else _EDGE
        right = spans[place + 1].word if place + 1 < len(spans) else _EDGE
        for candidates in statistics.substitutes(left, spans[place].word, right):
            for candidate in random.permutation(len(candidates)):
                if not any(_is_form_of(candidates[candidate], word) for word in true_words):
                    return _replaced(caption, spans[place], candidates[candidate])
    return None


def _replaced(caption: str, span: WordSpan, word: str) -> str:
    old = caption[span.start : span.end]
    if old.isupper() and len(old) > 1:
        word = word.upper()
    elif old[0].isupper():
        word = word.capitalize()
    return caption[: span.start] + word + caption[span.end :]


def _says_something(word: str) -> bool:
    is_word = word[:1].isalpha() and (len(word) > 1 or not word.isascii())
    return is_word and word not in FUNCTION_WORDS


def _is_form_of(one: str, other: str) -> bool:
    n_common = max(_STEM_LENGTH, len(one) - _ENDING_LENGTH, len(other) - _ENDING_LENGTH)
    return one[:n_common] == other[:n_common]
