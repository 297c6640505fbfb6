"""The words that a token model knows, and captions as their ids."""

import json
from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final, final

import numpy as np
import numpy.typing as npt

from crcl_core.data.word_splitter import split_words

PADDING_ID: Final = 0
START_ID: Final = 1
END_ID: Final = 2
UNKNOWN_ID: Final = 3
MARKS: Final = ("<pad>", "<start>", "<end>", "<unk>")
"""What the first four ids stand for, in our vocabularies and in the official ones."""

_MASK: Final = "<mask>"
_FORMAT: Final = "crcl_core.vocabulary"
_VERSION: Final = 1
# The two marks around a caption leave no room for a word below this.
_FEWEST_TOKENS: Final = 3


@final
class Vocabulary:
    """Words and their ids: 0 padding, 1 start, 2 end, 3 unknown, then the words in order.

    Args:
        words: The words behind the four marks, distinct and none of them empty.

    Raises:
        ValueError: A word is empty, stands twice, or is one of the marks.
    """

    def __init__(self, words: Sequence[str]) -> None:
        self._words = tuple(words)
        self._ids = {word: number for number, word in enumerate((*MARKS, *self._words))}
        if "" in self._ids or len(self._ids) != len(MARKS) + len(self._words):
            raise ValueError(f"{_first_unfit(self._words)}, expected distinct words other than {', '.join(MARKS)}")

    @classmethod
    def from_captions(cls, captions: Iterable[str], *, min_count: int = 4) -> "Vocabulary":
        """Builds a vocabulary of the words of captions, the most frequent first, equals by their spelling.

        Args:
            captions: Those of the training split.
            min_count: Rarer words are left out and read as unknown; the papers use 4.

        Raises:
            ValueError: `min_count` is not positive.
        """
        if min_count < 1:
            raise ValueError(f"min_count is {min_count}, expected 1 or more")
        counts = Counter(word for caption in captions for word in split_words(caption))
        kept = [(-count, word) for word, count in counts.items() if count >= min_count and word not in MARKS]
        return cls([word for _, word in sorted(kept)])

    @classmethod
    def from_official(cls, path: Path, *, has_mask: bool = False) -> "Vocabulary":
        """Reads a vocabulary file of SCAN, NCR or CRCL: json with `word2idx`, `idx2word` and `idx`.

        Args:
            path: For example `vocab/f30k_precomp_vocab.json`.
            has_mask: Adds "<mask>" behind the last word, as CRCL's code does when it reads the file: its checkpoints
                have one embedding more than the file has words. No caption contains that word.

        Raises:
            ValueError: The file is not such a vocabulary; its first ids are not the four marks (padding must be 0, or
                padded captions would be read as words); or its two tables contradict each other.
        """
        try:
            tables = json.loads(path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise ValueError(f"{path} is not json: {error}") from error
        words = _official_words(path, tables)
        if tuple(words[: len(MARKS)]) != MARKS:
            raise ValueError(f"{path} begins with {words[: len(MARKS)]}, expected {list(MARKS)}")
        return cls([*words[len(MARKS) :], *([_MASK] if has_mask else [])])

    @classmethod
    def from_json(cls, text: str) -> "Vocabulary":
        """Reads what `to_json` wrote.

        Raises:
            ValueError: The text is not a vocabulary of this format and version.
        """
        try:
            saved = json.loads(text)
        except ValueError as error:
            raise ValueError(f"the vocabulary is not json: {error}") from error
        header = (saved.get("format"), saved.get("version")) if isinstance(saved, dict) else None
        if header != (_FORMAT, _VERSION):
            raise ValueError(f"the vocabulary has the format and version {header}, expected {(_FORMAT, _VERSION)}")
        words = saved.get("words")
        if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
            raise ValueError("the vocabulary's `words` are not a list of strings")
        return cls(words)

    def to_json(self) -> str:
        """The vocabulary as ASCII json, to be saved with the model that was trained on it."""
        return json.dumps({"format": _FORMAT, "version": _VERSION, "words": self._words})

    def to_official_json(self) -> str:
        """The vocabulary as the official code and `from_official` read it."""
        words = [*MARKS, *self._words]
        tables = {"word2idx": self._ids, "idx2word": dict(enumerate(words)), "idx": len(words)}
        return json.dumps(tables)

    @property
    def words(self) -> tuple[str, ...]:
        """The words from id 4 on."""
        return self._words

    def __len__(self) -> int:
        """Ids in all, the four marks included."""
        return len(self._ids)

    def __eq__(self, other: object) -> bool:
        """Two vocabularies are equal when every word has the same id."""
        return isinstance(other, Vocabulary) and self._words == other._words

    def __hash__(self) -> int:
        return hash(self._words)

    def __repr__(self) -> str:
        return f"Vocabulary({len(self._words)} words)"

    def encode(self, captions: Sequence[str], *, max_tokens: int = 80) -> npt.NDArray[np.int32]:
        """Turns captions into ids: start, words, end, then padding.

        Args:
            captions: C texts; an empty one becomes start and end, so that no row is all padding.
            max_tokens: Longer captions lose their last words; start and end stay and are counted.

        Returns:
            (C, T) int32, T the longest caption's length in tokens; (0, 2) for no captions.

        Raises:
            ValueError: `max_tokens` leaves no room for a word.
        """
        if max_tokens < _FEWEST_TOKENS:
            raise ValueError(f"max_tokens is {max_tokens}, expected {_FEWEST_TOKENS} or more: start, a word, end")
        flat, lengths = array("i"), np.empty(len(captions), dtype=np.int64)
        for row, caption in enumerate(captions):
            words = split_words(caption)[: max_tokens - 2]
            flat.append(START_ID)
            flat.extend(self._ids.get(word, UNKNOWN_ID) for word in words)
            flat.append(END_ID)
            lengths[row] = len(words) + 2
        is_token = np.arange(lengths.max(initial=2)) < lengths[:, None]  # (C, T)
        ids = np.full(is_token.shape, PADDING_ID, dtype=np.int32)
        ids[is_token] = np.frombuffer(flat, dtype=np.intc)
        return ids


def _first_unfit(words: Sequence[str]) -> str:
    seen = set(MARKS)
    for position, word in enumerate(words):
        if not word or word in seen:
            return f"word {position} is {word!r}, which is {'a mark or stands twice' if word else 'empty'}"
        seen.add(word)
    raise AssertionError("every word is fit")


def _official_words(path: Path, tables: Any) -> list[str]:  # Any: what a json file holds is known only after the checks
    try:
        by_word, by_id, n_ids = tables["word2idx"], tables["idx2word"], tables["idx"]
        words = [by_id[str(number)] for number in range(n_ids)]
        is_consistent = len(by_id) == n_ids and by_word == {word: number for number, word in enumerate(words)}
    except (KeyError, TypeError, AttributeError) as error:
        expected = "word2idx, idx2word for every id from 0, and idx, their number"
        raise ValueError(f"{path} is not a vocabulary ({error!r}), expected {expected}") from error
    if not is_consistent or not all(isinstance(word, str) for word in words):
        raise ValueError(f"{path}: word2idx and idx2word disagree, expected each to be the other's inverse")
    return words
