"""Plants mismatches of named kinds among clean pairs, and makes sure that every one of them is one."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Final

import numpy as np

from crcl_core.synthetic.alteration import one_attribute_altered
from crcl_core.synthetic.caption_writer import Caption, CaptionStyle, write_caption
from crcl_core.synthetic.claims import n_contradictions
from crcl_core.synthetic.corpus import MismatchKind, SyntheticPair
from crcl_core.synthetic.scene import SceneFacts

# A caption that is wrong in one attribute only would be a near swap under another name.
MIN_CONTRADICTIONS: Final = 2
_BLOCK_LENGTH: Final = 12
_SHORTEST_BLOCK: Final = 2
_PASTED_ON: Final = 12
_MAX_TRIES: Final = 200


class _Planter:
    """Holds the pairs while mismatches are planted; each pair is planted at most once.

    Args:
        pairs: Clean pairs, or already planted ones that are to be left alone.
        facts: (N,) What each pair's image shows.
        style_seeds: (N,) The seed of the style in which each pair's caption is written.
        rng: Chooses the pairs.
    """

    def __init__(
        self,
        pairs: Sequence[SyntheticPair],
        facts: Sequence[SceneFacts],
        style_seeds: Sequence[int],
        rng: np.random.Generator,
    ) -> None:
        self.pairs = list(pairs)
        self._facts = facts
        self._style_seeds = style_seeds
        self._rng = rng
        self._is_free = np.array([not pair.is_mismatch for pair in pairs], dtype=np.bool_)

    def plant(self, kind: MismatchKind, count: int) -> None:
        """Plants `count` mismatches of a kind."""
        plant = {
            MismatchKind.RANDOM_SWAP: self._swap_at_random,
            MismatchKind.NEAR_SWAP: self._alter_one_attribute,
            MismatchKind.SHIFTED_BLOCK: self._shift_blocks,
            MismatchKind.DUPLICATE_CAPTION: self._paste_captions,
        }[kind]
        plant(count)

    def _is_wrong(self, pair: int, caption: Caption) -> bool:
        return n_contradictions(caption.claims, self._facts[pair]) >= MIN_CONTRADICTIONS

    def _assign(self, pair: int, caption: Caption, kind: MismatchKind) -> None:
        self.pairs[pair] = replace(self.pairs[pair], caption=caption, kind=kind)
        self._is_free[pair] = False

    def _shuffled_free(self) -> list[int]:
        free: list[int] = self._rng.permutation(np.flatnonzero(self._is_free)).tolist()
        return free

    def _swap_at_random(self, count: int) -> None:
        chosen = self._shuffled_free()[:count]
        _require(len(chosen) == count, MismatchKind.RANDOM_SWAP, count)
        given = [self.pairs[pair].caption for pair in self._rng.permutation(chosen)]
        for _ in range(_MAX_TRIES):
            wanting = [place for place, pair in enumerate(chosen) if not self._is_wrong(pair, given[place])]
            if not wanting:
                break
            for place in wanting:
                other = int(self._rng.integers(count))
                given[place], given[other] = given[other], given[place]
        else:
            _require(False, MismatchKind.RANDOM_SWAP, count)
        for pair, caption in zip(chosen, given, strict=True):
            self._assign(pair, caption, MismatchKind.RANDOM_SWAP)

    def _shift_blocks(self, count: int) -> None:
        left = count
        # Where much is planted already, few long runs of free pairs are left, so blocks get shorter until they fit.
        longest = _BLOCK_LENGTH
        while left:
            # Never leave a single pair: a block of one has nothing to shift by.
            length = left if left <= longest + 1 else min(longest, left - 2)
            block = self._find_block(length)
            if block is None:
                _require(longest > _SHORTEST_BLOCK, MismatchKind.SHIFTED_BLOCK, count)
                longest = min(longest, length) - 1
                continue
            captions = [self.pairs[pair].caption for pair in block]
            for pair, caption in zip(block, captions[1:] + captions[:1], strict=True):
                self._assign(pair, caption, MismatchKind.SHIFTED_BLOCK)
            left -= length

    def _find_block(self, length: int) -> list[int] | None:
        """Finds the first captions of consecutive images whose shift is wrong everywhere."""
        firsts = [pair for pair in range(len(self.pairs)) if self._is_first_of_image(pair)]
        starts = self._rng.permutation(max(0, len(firsts) - length + 1))
        for start in starts[:_MAX_TRIES].tolist():
            block = firsts[start : start + length]
            shifted = zip(block, block[1:] + block[:1], strict=True)
            is_free = bool(self._is_free[block].all())
            if is_free and all(self._is_wrong(pair, self.pairs[giver].caption) for pair, giver in shifted):
                return block
        return None

    def _is_first_of_image(self, pair: int) -> bool:
        return pair == 0 or self.pairs[pair].image != self.pairs[pair - 1].image

    def _paste_captions(self, count: int) -> None:
        left = count
        while left:
            free = self._shuffled_free()
            _require(bool(free), MismatchKind.DUPLICATE_CAPTION, count)
            source = free[0]
            caption = self.pairs[source].caption
            # The pair whose caption it is stays clean.
            self._is_free[source] = False
            wrong = (pair for pair in self._shuffled_free() if self._is_wrong(pair, caption))
            targets = list(islice(wrong, min(left, _PASTED_ON)))
            _require(bool(targets), MismatchKind.DUPLICATE_CAPTION, count)
            for pair in targets:
                self._assign(pair, caption, MismatchKind.DUPLICATE_CAPTION)
            left -= len(targets)

    def _alter_one_attribute(self, count: int) -> None:
        left = count
        for pair in self._shuffled_free():
            if not left:
                break
            caption = self._nearly_right(pair)
            if caption is not None:
                self._assign(pair, caption, MismatchKind.NEAR_SWAP)
                left -= 1
        _require(not left, MismatchKind.NEAR_SWAP, count)

    def _nearly_right(self, pair: int) -> Caption | None:
        """Writes the pair's caption again, for a scene that differs in one attribute; each kind is as likely."""
        facts, style = self._facts[pair], CaptionStyle(self._style_seeds[pair])
        altered = one_attribute_altered(facts, self.pairs[pair].caption.claims)
        names = sorted(altered)
        for name in self._rng.permutation(len(names)).tolist():
            scenes = altered[names[name]]
            for scene in self._rng.permutation(len(scenes)).tolist()[:3]:
                caption = write_caption(scenes[scene], style)
                if n_contradictions(caption.claims, facts) == 1:
                    return caption
        return None


def plant_mismatches(
    pairs: Sequence[SyntheticPair],
    facts: Sequence[SceneFacts],
    style_seeds: Sequence[int],
    counts: Mapping[MismatchKind, int],
    rng: np.random.Generator,
) -> list[SyntheticPair]:
    """Returns the pairs with mismatches planted among the clean ones.

    All but near swaps contradict their picture in at least two attributes, near swaps in exactly one. Duplicate
    images are made with the images, not here.

    Args:
        pairs: (N,) pairs in the order of the corpus, the captions of an image next to each other.
        facts: (N,) What each pair's image shows.
        style_seeds: (N,) The seed of the style in which each pair's caption is written.
        counts: How many of each kind; those that need consecutive free pairs are planted first.
        rng: Chooses the pairs.

    Raises:
        ValueError: The corpus is too small for the counts.
    """
    planter = _Planter(pairs, facts, style_seeds, rng)
    order = (
        MismatchKind.SHIFTED_BLOCK,
        MismatchKind.RANDOM_SWAP,
        MismatchKind.DUPLICATE_CAPTION,
        MismatchKind.NEAR_SWAP,
    )
    for kind in order:
        if counts.get(kind):
            planter.plant(kind, counts[kind])
    return planter.pairs


def _require(is_done: bool, kind: MismatchKind, count: int) -> None:
    if not is_done:
        raise ValueError(f"the corpus is too small for {count} mismatches of kind {kind}; ask for fewer or more images")
