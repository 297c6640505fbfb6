"""What fills the place of a caption without describing an image: placeholders, and templates with a number in them."""

import re

NUMBER_MARK = "<number>"
_NUMBER = re.compile(r"\d+(?:[.,:/-]\d+)*")
# fmt: off
_PLACEHOLDERS = frozenset({
    "n/a", "na", "none", "null", "nil", "nan", "undefined", "unknown", "untitled", "todo", "tbd", "test",
    "caption", "title", "image", "picture", "photo", "photograph", "thumbnail", "placeholder", "alt", "description",
    "alt-text", "image-description", "no-alt-text", "no-caption", "no-description", "no-title", "no-text",
    "insert-caption-here", "empty", "blank",
})
# fmt: on


def is_placeholder(caption: str) -> bool:
    """Whether the whole caption is a word that stands where one is missing, such as "n/a" or "Untitled."."""
    return "-".join(caption.casefold().strip(" \t\r\n.,!?:;-_[]()<>{}\"'").split()) in _PLACEHOLDERS


def number_template(caption: str) -> str:
    """The caption in lower case, one blank between words, each number as `<number>`."""
    return _NUMBER.sub(NUMBER_MARK, " ".join(caption.casefold().split()))
