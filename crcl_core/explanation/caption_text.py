"""Captions that say nothing of an image: names of files, addresses, marks alone, placeholders, repeated templates."""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import PurePosixPath

from crcl_core.data.caption_fillers import NUMBER_MARK, is_placeholder, number_template
from crcl_core.explanation.evidence import NotADescription

_FILE_NAME = re.compile(
    r"""^\W*(?:
        \S+\.(?:jpe?g|png|gif|bmp|tiff?|webp|heic|svg|raw|cr2|nef)   # a name that ends as images do
        | (?:img|dscn?|dscf|pict|mvi|pxl|gopr|dji|wp|screenshot|scan|p)[\s_-]*\d{3,}\w*   # a camera's number
          (?:[\s_-]+\w*\d\w*)*   # and more that holds digits
    )\W*$""",
    re.IGNORECASE | re.VERBOSE,
)
_URL = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)
_LETTER = re.compile(r"[^\W\d_]")
_PLACEHOLDER_PHRASES = (
    "no caption available",
    "no description available",
    "description not available",
    "image not available",
    "click to enlarge",
    "click here",
    "all rights reserved",
    "stock photo",
    "as an ai language model",
    "i'm sorry, but i can",
    "i cannot see the image",
)
# A template is boilerplate when this many captions that differ in their numbers alone have it.
MIN_TEMPLATE_CAPTIONS = 20


def boilerplate_templates(captions: Sequence[str]) -> Counter[str]:
    """Templates with a number in them that many distinct captions have, and how many.

    Args:
        captions: The distinct captions of the corpus.
    """
    counts = Counter(template for caption in captions if NUMBER_MARK in (template := number_template(caption)))
    return Counter({template: n for template, n in counts.items() if n >= MIN_TEMPLATE_CAPTIONS})


def not_a_description(caption: str, source_path: str | None, templates: Counter[str]) -> NotADescription | None:
    """What the caption is instead of a description; None where it may be one.

    Args:
        caption: As it was uploaded.
        source_path: Of the pair's image; a caption that is its name, and has a digit in it, is a file name.
        templates: See `boilerplate_templates`.
    """
    text = caption.strip()
    if not _LETTER.search(text):
        return NotADescription("no_words")
    if _is_url(text):
        return NotADescription("url")
    if _FILE_NAME.match(text) or _is_name_of(text, source_path):
        return NotADescription("file_name")
    if is_placeholder(text) or _is_placeholder_phrase(text.lower()):
        return NotADescription("placeholder")
    template = number_template(text)
    if template in templates:
        return NotADescription("boilerplate", template, templates[template])
    return None


def _is_url(text: str) -> bool:
    """Whether addresses are more than half of the text."""
    return 2 * sum(len(found) for found in _URL.findall(text)) > len(text)


def _is_name_of(text: str, source_path: str | None) -> bool:
    if source_path is None:
        return False
    path = PurePosixPath(source_path)
    return text in {path.name, path.stem, source_path} and any(letter.isdigit() for letter in text)


def _is_placeholder_phrase(text: str) -> bool:
    # A phrase with much else around it may stand in a description.
    return any(phrase in text and len(text) < 2 * len(phrase) for phrase in _PLACEHOLDER_PHRASES)
