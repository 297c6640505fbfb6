"""Writes captions of a scene: varied sentences that say much, never all, and nothing that is not so."""

import hashlib
from dataclasses import dataclass
from typing import Final, TypeVar, final

from crcl_core.synthetic.claims import Claims, GroupClaim
from crcl_core.synthetic.scene import Arrangement, Backdrop, Group, SceneFacts, Size, Texture
from crcl_core.synthetic.vocabulary import (
    BACKDROP_NOUNS,
    BACKDROP_TAILS,
    COLOUR_WORDS,
    COUNT_WORDS,
    NOUNS,
    PLACE_WORDS,
    SIZE_WORDS,
    TEXTURE_ADJECTIVES,
    TEXTURE_TAILS,
    with_article,
)

T = TypeVar("T")

_TELLS_SIZE: Final = 0.65
_TELLS_TEXTURE: Final = 0.8
_TELLS_PLACE: Final = 0.6
_TELLS_ORDER: Final = 0.65
_TELLS_BACKDROP: Final = 0.92
_LEAVES_OUT_THE_LAST: Final = 0.3
_PLAINEST_WORD: Final = 0.6


@final
@dataclass(frozen=True, kw_only=True)
class Caption:
    """A sentence and what it claims."""

    text: str
    claims: Claims


@final
class CaptionStyle:
    """The choices of one writer: which attributes to tell, in which words and order.

    A choice depends on its name and the seed alone, so the same style writes two scenes that differ in one attribute
    in the same way; near swaps rest on that.

    Args:
        seed: One seed for each caption.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def uniform(self, name: str) -> float:
        """Draws the named number, in [0, 1)."""
        digest = hashlib.blake2b(f"{self._seed}/{name}".encode(), digest_size=8).digest()
        return int.from_bytes(digest, "big") / 2**64

    def does(self, name: str, chance: float) -> bool:
        """Decides yes with the given chance."""
        return self.uniform(name) < chance

    def pick(self, name: str, options: tuple[T, ...]) -> T:
        """Picks any of the options alike."""
        return options[int(self.uniform(name) * len(options))]

    def word(self, name: str, synonyms: tuple[T, ...]) -> T:
        """Picks a synonym, the first one mostly."""
        if len(synonyms) == 1 or self.does(f"{name} is plain", _PLAINEST_WORD):
            return synonyms[0]
        return self.pick(name, synonyms[1:])


def write_caption(facts: SceneFacts, style: CaptionStyle) -> Caption:
    """Writes one caption that is true of the facts.

    Args:
        facts: What there is to tell.
        style: How to tell it; another style writes another caption of the same picture.
    """
    groups = facts.groups
    if len(groups) > 2 and style.does("leave out the last", _LEAVES_OUT_THE_LAST):
        groups = groups[:2]
    told = [_tell_group(group, style, number) for number, group in enumerate(groups)]
    phrases, group_claims = [phrase for phrase, _ in told], tuple(claim for _, claim in told)
    place = facts.place if style.does("place", _TELLS_PLACE) else None
    order = facts.arrangement if len(groups) > 1 and style.does("order", _TELLS_ORDER) else None
    tells_backdrop = style.does("backdrop", _TELLS_BACKDROP)
    claims = Claims(
        groups=group_claims,
        order=order,
        place=place,
        backdrop_kind=facts.backdrop.kind if tells_backdrop else None,
        backdrop_colour=facts.backdrop.colour if tells_backdrop else None,
    )
    objects = _join(phrases, order, style)
    if place is not None:
        objects = f"{objects} {style.word('place words', PLACE_WORDS[place])}"
    is_plural = len(groups) > 1 or groups[0].count > 1
    sentence = _sentence(objects, facts.backdrop if tells_backdrop else None, style, is_plural=is_plural)
    full_stop = "." if style.does("full stop", 0.5) else ""
    return Caption(text=sentence[0].upper() + sentence[1:] + full_stop, claims=claims)


def _tell_group(group: Group, style: CaptionStyle, number: int) -> tuple[str, GroupClaim]:
    def named(name: str) -> str:
        return f"group {number} {name}"

    tells_size = group.size is not Size.MEDIUM and style.does(named("size"), _TELLS_SIZE)
    tells_texture = group.texture is not Texture.PLAIN and style.does(named("texture"), _TELLS_TEXTURE)
    has_tail = tells_texture and style.does(named("texture comes last"), 0.4)
    words = [style.word(named("size words"), SIZE_WORDS[group.size])] if tells_size else []
    if tells_texture and not has_tail:
        words.append(style.word(named("texture words"), TEXTURE_ADJECTIVES[group.texture]))
    words.append(style.word(named("colour words"), COLOUR_WORDS[group.colour]))
    words.append(style.word(named("noun"), NOUNS[group.shape])[group.count > 1])
    if has_tail:
        words.append(style.word(named("texture words"), TEXTURE_TAILS[group.texture]))
    count = style.word(named("count words"), COUNT_WORDS[group.count])
    phrase = " ".join(words)
    claim = GroupClaim(
        shape=group.shape,
        colour=group.colour,
        count=group.count,
        size=group.size if tells_size else None,
        texture=group.texture if tells_texture else None,
    )
    return (with_article(phrase) if count == "a" else f"{count} {phrase}"), claim


def _join(phrases: list[str], order: Arrangement | None, style: CaptionStyle) -> str:
    """Names the groups one after the other, in words that tell their order if it is to be told."""
    if len(phrases) == 1:
        return phrases[0]
    if order is None:
        told = phrases if style.does("named in order", 0.5) else phrases[::-1]
        return ", ".join(told[:-1]) + " and " + told[-1]
    is_row = order is Arrangement.LEFT_TO_RIGHT
    if len(phrases) == 3:
        first, second, third = phrases
        way = "from left to right" if is_row else "from top to bottom"
        between = f"{second} between {first} on the left and {third} on the right"
        if not is_row:
            between = f"{second} between {first} above and {third} below"
        return between if style.does("between", 0.5) else f"{first}, {second} and {third} {way}"
    before = ("to the left of", "left of", "on the left and") if is_row else ("above", "over", "on top and")
    after = ("to the right of", "right of") if is_row else ("below", "under")
    if style.does("starts with the first", 0.5):
        link, tail = style.word("before", before), ""
        if link.endswith(" and"):
            tail = " on the right" if is_row else " at the bottom"
        return f"{phrases[0]} {link} {phrases[1]}{tail}"
    return f"{phrases[1]} {style.word('after', after)} {phrases[0]}"


def _sentence(objects: str, backdrop: Backdrop | None, style: CaptionStyle, *, is_plural: bool) -> str:
    there = "there are" if is_plural else "there is"
    if backdrop is None:
        bare = (objects, f"{there} {objects}", f"a picture of {objects}", f"the image shows {objects}")
        return style.pick("sentence", bare)
    colour = "" if backdrop.colour is None else style.word("backdrop colour words", COLOUR_WORDS[backdrop.colour])
    tail = _with_colour(style.word("backdrop words", BACKDROP_TAILS[backdrop.kind]), colour)
    noun = _with_colour(style.word("backdrop words", BACKDROP_NOUNS[backdrop.kind]), colour)
    forms = (
        f"{objects} {tail}",
        f"{there} {objects} {tail}",
        f"{noun} with {objects}",
        f"a picture of {objects} {tail}",
        f"the image shows {objects} {tail}",
    )
    return style.pick("sentence", forms)


def _with_colour(phrase: str, colour: str) -> str:
    before, _, after = phrase.partition("{}")
    if before.endswith("a ") and colour:
        return f"{before.removesuffix('a ')}{with_article(colour)}{after}"
    return before + colour + after
