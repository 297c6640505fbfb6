"""The language of captions, and which of them are not in that of their corpus."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import final

import numpy as np
from py3langid.langid import MODEL_FILE, LanguageIdentifier

from crcl_core.types import FloatArray

# A guess less sure than this tells nothing about which languages a corpus has.
_SURE = 0.5
_MAX_CHARS = 1000
_UNKNOWN = ""


@final
@dataclass(frozen=True, eq=False)
class CorpusLanguage:
    """The languages of C captions, as ISO 639 codes.

    Attributes:
        main: that of most captions whose language is sure; None where none is.
        counts: how many captions are surely in which, the most frequent first.
        languages: the likeliest of each caption; "" without letters.
        scores: (C,) float32 in [0, 1], low = bad: how likely the main language is beside the likeliest, 1 where they
            are one. So a short caption of an unsure language is not held against it.
    """

    main: str | None
    counts: dict[str, int]
    languages: list[str]
    scores: FloatArray


def detect_languages(captions: Sequence[str]) -> CorpusLanguage:
    """Detects the language of each caption, by naive Bayes over its byte n-grams (140 languages, no download)."""
    guesses = [_likeliest(_probabilities(caption)) for caption in captions]
    languages = [language for language, _ in guesses]
    counts = Counter(language for language, share in guesses if language and share >= _SURE)
    main = counts.most_common(1)[0][0] if counts else None
    scores = np.ones(len(captions), dtype=np.float32)
    for number, (language, share) in enumerate(guesses):
        if main is not None and language not in (main, _UNKNOWN):
            # Detected once more, for these are few: all probabilities of all captions would not fit into memory.
            in_main = _probabilities(captions[number]).get(main, 0.0)
            scores[number] = 2 * in_main / (in_main + share)
    return CorpusLanguage(main, dict(counts.most_common()), languages, scores)


def _likeliest(probabilities: dict[str, float]) -> tuple[str, float]:
    return max(probabilities.items(), key=lambda item: item[1], default=(_UNKNOWN, 0.0))


def _probabilities(caption: str) -> dict[str, float]:
    text = caption[:_MAX_CHARS]
    if not any(letter.isalpha() for letter in text):
        return {}
    return {language: float(share) for language, share in _identifier().rank(text)}


@lru_cache(maxsize=1)
def _identifier() -> LanguageIdentifier:
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
