"""Splits captions into words the way the vocabularies of the published models were built."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, final

# Han and kana are written without spaces: each character is a word, or a whole caption would be one unknown word.
_UNSPACED: Final = r"\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_LETTER: Final = rf"[^\W{_UNSPACED}]"
_TOKEN: Final = re.compile(
    rf"""
      (?:[A-Za-z]\.){{2,}}                                    # u.s.
    | {_LETTER}+ (?: (?: [-./'] | [,:](?=\d) ) {_LETTER}+ )*  # t-shirt, o'clock, 3.5, 1,000, 12:30
    | '(?:s|d|m|ll|re|ve)\b                                   # man 's: captions that were split once already
    | \.{{2,}} | -{{2,}} | `` | ''
    | \S
    """,
    re.VERBOSE | re.IGNORECASE,
)
_CONTRACTION: Final = re.compile(r"(?:n't|'(?:s|d|m|ll|re|ve))\Z", re.IGNORECASE)
_OPENS_QUOTATION: Final = frozenset("([{<")


@final
@dataclass(frozen=True)
class WordSpan:
    """One word of a caption.

    Attributes:
        word: Lower case, in Unicode's compatibility form.
        start: Its first character in the caption as given.
        end: One past its last.
    """

    word: str
    start: int
    end: int


def split_words(caption: str) -> list[str]:
    """Splits a caption into lower-case words and punctuation marks; white space only separates.

    Punctuation is split off ("dog," -> "dog", ","), contractions are split ("man's" -> "man", "'s"; "isn't" -> "is",
    "n't"), double quotes become "``" and "''", and hyphenated words and numbers stay whole: the conventions of the Penn
    Treebank, by which SCAN and its successors built their vocabularies. Letters of any script count, with their marks;
    each Han or kana character is a word of its own.

    Args:
        caption: Any text, also empty.

    Returns:
        The words in order; the same for every form of the same text that Unicode calls compatible.
    """
    return [span.word for span in word_spans(caption)]


def word_spans(caption: str) -> Iterator[WordSpan]:
    """Yields the words of `split_words` with their places, so that one word can be replaced and all else stays."""
    shape = caption if caption.isascii() else _ascii_shape(caption)
    for match in _TOKEN.finditer(shape):
        start, end = match.span()
        if shape[start] == '"':
            yield WordSpan("``" if _is_opening(shape, start) else "''", start, end)
            continue
        cut = _contraction_start(match.group(), start)
        for first, last in ((start, cut), (cut, end)) if start < cut else ((start, end),):
            yield WordSpan(_plain(caption[first:last], shape[first:last]), first, last)


def _contraction_start(token: str, start: int) -> int:
    found = _CONTRACTION.search(token) if "'" in token else None
    return start + found.start() if found is not None else start


def _is_opening(shape: str, position: int) -> bool:
    before = shape[position - 1 : position]
    return not before or before.isspace() or before in _OPENS_QUOTATION


def _plain(text: str, shape: str) -> str:
    if text.isascii():
        return text.lower()
    # Typographic quotes have no compatibility form, so the shape's plain ones are taken.
    straight = "".join("'" if mark == "'" else character for character, mark in zip(text, shape, strict=True))
    return unicodedata.normalize("NFKC", straight).lower()


def _ascii_shape(caption: str) -> str:
    """Replaces what the pattern cannot name, character by character, so that places stay."""
    return "".join(_shape_of(character) for character in caption)


def _shape_of(character: str) -> str:
    if character in "\u2018\u2019\u02bc":
        return "'"
    if character in "\u201c\u201d\u201e\u00ab\u00bb":
        return '"'
    if "\ufe00" <= character <= "\ufe0f":
        return " "  # A variation selector only chooses the drawing of an emoji.
    category = unicodedata.category(character)
    if category[0] == "M":
        return "a"  # Marks are part of their letter: without its vowel signs one word of Hindi becomes another.
    return " " if category in {"Cf", "Cc"} else character
