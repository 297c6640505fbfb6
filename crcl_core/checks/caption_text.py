"""Captions that say nothing, too much, or what stands on every page: judged from their text alone."""

import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

from crcl_core.checks.issues import CaptionIssue
from crcl_core.data.caption_fillers import NUMBER_MARK, is_placeholder, number_template
from crcl_core.types import FloatArray

JUDGED = (CaptionIssue.EMPTY, CaptionIssue.OVERLONG, CaptionIssue.BOILERPLATE)

# Text encoders read 77 to 256 word pieces, so that more words than this are cut off by some and describe no picture.
_MAX_WORDS = 64
_CHARS_A_WORD = 6  # for scripts that put no spaces between words
# So many captions that differ in their numbers alone come from a template.
_TEMPLATE_CAPTIONS = 10
_BOILERPLATE = re.compile(
    r"""
    (?:https?://|www\.)\S+                                                  # an address
  | \S+@\S+\.\w+                                                            # a mail address
  | <[^<>]{1,200}>                                                          # markup
  | \S*\.(?:jpe?g|png|gif|tiff?|bmp|webp|heic|svg|cr2|nef)\b                # a file name
  | \b(?:img|dsc[fn]?|dscn|p|pict|mvi|gopr|screen[ _-]?shot)[ _-]?\d{3,}\b  # what a camera calls its files
  | \b\d{1,4}[-/.:]\d{1,2}[-/.:]\d{1,4}\b (?:[ t]\d{1,2}:\d{2}(?::\d{2})?)? # a date or a time
  | \b(?:click|tap)\ (?:here|to|on|for)\b[^.]*                              # what a page asks of its reader
  | \b(?:view|see|download|zoom)\ (?:full[- ]?size|larger|original|image|in\ high)\b[^.]*
  | \b(?:getty\ images|shutterstock|istock(?:photo)?|alamy|dreamstime|depositphotos|adobe\ stock)\b
  | \b(?:royalty[- ]free|stock\ (?:photo|image|vector|illustration)s?)\b
  | (?:©|\(c\)|\bcopyright\b|\ball\ rights\ reserved\b)[^.]*
  | \bphoto(?:graph)?\ (?:by|credit|courtesy)\b[^.]*
  | \b(?:nikon|canon|sony|olympus|fujifilm|panasonic)\ [a-z]*\d\w*\b        # a camera
  | \bdigital\ camera\b
    """,
    re.VERBOSE | re.IGNORECASE,
)


def caption_scores(captions: Sequence[str]) -> FloatArray:
    """Scores distinct captions.

    Args:
        captions: C texts, no two equal.

    Returns:
        (C, 3) float32 in [0, 1], low = bad; a column for each of `JUDGED`. *empty*: half of the letters and digits,
        0 for a placeholder such as "n/a". *overlong*: how much of it is within 64 words. *boilerplate*: the share of
        the text that is no file name, address, markup, date, credit or request to click, at most 1/n where n
        captions, 10 or more, differ only in their numbers.
    """
    templates = Counter(number_template(caption) for caption in captions)
    return np.array(
        [(_content(caption), _brevity(caption), _own_words(caption, templates)) for caption in captions],
        dtype=np.float32,
    ).reshape(-1, len(JUDGED))


def _content(caption: str) -> float:
    if is_placeholder(caption):
        return 0.0
    return min(1.0, sum(letter.isalnum() for letter in caption) / 2)


def _brevity(caption: str) -> float:
    n_words = max(len(caption.split()), len(caption) / _CHARS_A_WORD / 2)
    return min(1.0, _MAX_WORDS / max(n_words, 1))


def _own_words(caption: str, templates: Counter[str]) -> float:
    n_letters = sum(letter.isalnum() for letter in caption)
    if n_letters == 0:
        return 1.0  # which `empty` speaks of
    left = sum(letter.isalnum() for letter in _BOILERPLATE.sub(" ", caption))
    template = number_template(caption)
    n_alike = templates[template] if NUMBER_MARK in template else 1
    return min(left / n_letters, 1 / n_alike if n_alike >= _TEMPLATE_CAPTIONS else 1.0)
