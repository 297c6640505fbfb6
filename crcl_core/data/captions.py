"""When two captions are the same caption."""

import re
import unicodedata

_ASCII_SEPARATORS = re.compile(r"[^0-9a-z]+")


def normalise_caption(text: str) -> str:
    """Reduces a caption to what makes it a duplicate of another: case, punctuation and spacing do not.

    NFKC, case folding, then every run of punctuation and white space becomes one space. A caption without a letter or
    digit (only emoji, say) keeps its characters, so that such captions are not all duplicates of each other.

    Args:
        text: Any text, also empty.

    Returns:
        The normalised text, without leading or trailing space. Normalising twice changes nothing.
    """
    folded = _folded(text)
    words = _ASCII_SEPARATORS.sub(" ", folded).strip() if folded.isascii() else _words(folded)
    return words or " ".join(folded.split())


def _folded(text: str) -> str:
    # Twice: folding some letters yields text that NFKC still changes, and that folds further.
    for _ in range(2):
        text = unicodedata.normalize("NFKC", text).casefold()
    return unicodedata.normalize("NFKC", text)


def _words(text: str) -> str:
    # Marks count as letters: without its vowel signs one word of Hindi or Thai becomes another.
    kept = (
        character if character.isalnum() or unicodedata.category(character)[0] == "M" else " " for character in text
    )
    return " ".join("".join(kept).split())
