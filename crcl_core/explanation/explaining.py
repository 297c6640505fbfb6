"""Weighs what was found on each suspect pair: one reason, its evidence, and what comes next."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from crcl_core.explanation.better_candidates import BetterCandidates
from crcl_core.explanation.caption_text import boilerplate_templates, not_a_description
from crcl_core.explanation.evidence import BetterCaption, BetterImage, Candidate, Evidence, NoMatch, ReasonCode
from crcl_core.explanation.repeated_captions import repeated_captions
from crcl_core.types import FloatArray, IntArray

# Thresholds are applied on read. Pairs that are likelier right than wrong are not flagged by default, so a reason is
# given to all that are not.
EXPLAINED_BELOW = 0.5
# What fits the pair better, but not as well as pairs that surely match, stands behind everything else.
_NOT_FITTING = len(ReasonCode)


@final
@dataclass(frozen=True)
class Explanation:
    """Why a pair is suspect.

    Attributes:
        pair: Its ordinal.
        reason: The strongest evidence.
        runner_up: The next one of another reason.
        better_caption: The best caption for its image, whether or not that is the reason.
        better_image: The best image for its caption, likewise.
    """

    pair: int
    reason: Evidence
    runner_up: Evidence | None = None
    better_caption: BetterCaption | None = None
    better_image: BetterImage | None = None

    def to_json(self) -> dict[str, Any]:  # Any: JSON
        """The evidence, and as `runner_up` the next with its code."""
        evidence = self.reason.to_json()
        if self.runner_up is not None:
            evidence["runner_up"] = {"reason_code": self.runner_up.code.value, **self.runner_up.to_json()}
        return evidence


def suspect_pairs(correspondence: FloatArray, *, below: float = EXPLAINED_BELOW) -> IntArray:
    """The pairs (n,) below a correspondence, the worst first."""
    suspects = np.flatnonzero(correspondence < np.float32(below))
    return suspects[np.argsort(correspondence[suspects], kind="stable")]


def evidence_of_texts(
    pairs: IntArray,
    captions: Sequence[str],
    image_index: IntArray,
    caption_index: IntArray,
    correspondence: FloatArray,
    *,
    source_paths: Sequence[str] | None = None,
) -> list[dict[int, Evidence]]:
    """What captions alone give away: no descriptions, and captions that are pasted on many images.

    Args:
        pairs: (n,), the suspect ones.
        captions: C, the distinct ones.
        image_index: (N,), of all pairs.
        caption_index: (N,), of all pairs.
        correspondence: (N,), of all pairs.
        source_paths: N, those of the images.
    """
    templates = boilerplate_templates(captions)
    repeated = repeated_captions(image_index, caption_index, correspondence)
    no_descriptions: dict[int, Evidence] = {}
    pasted: dict[int, Evidence] = {}
    for pair in pairs.tolist():
        caption = int(caption_index[pair])
        path = None if source_paths is None else source_paths[pair]
        found = not_a_description(captions[caption], path, templates)
        if found is not None:
            no_descriptions[pair] = found
        if caption in repeated:
            pasted[pair] = repeated[caption]
    return [no_descriptions, pasted]


def explain(
    pairs: IntArray,
    found: Iterable[Mapping[int, Evidence]],
    better: BetterCandidates | None = None,
    *,
    searched: Iterable[int] = (),
) -> list[Explanation]:
    """One explanation a pair, in the given order.

    The reason is the first of `ReasonCode`'s order that there is evidence for. Of a better caption and a better image,
    the one of the higher cosine goes first, and one that is not fitting is only ever a runner-up.

    Args:
        pairs: (n,).
        found: Evidence by pair, a mapping a kind.
        better: What fits better.
        searched: For which pairs something better was looked for.
    """
    kinds = list(found)
    was_searched = set(searched)
    captions, images = (better.captions, better.images) if better else ({}, {})
    explanations = []
    for pair in pairs.tolist():
        caption, image = captions.get(pair), images.get(pair)
        candidates = [kind[pair] for kind in (*kinds, captions, images) if pair in kind]
        ranked = sorted([*candidates, NoMatch(pair in was_searched)], key=_place)
        others = (evidence for evidence in ranked[1:] if evidence.code is not ReasonCode.NO_MATCH)
        explanations.append(Explanation(pair, ranked[0], next(others, None), caption, image))
    return explanations


def _place(evidence: Evidence) -> tuple[int, float]:
    if not isinstance(evidence, Candidate):
        return evidence.code.precedence, 0.0
    place = ReasonCode.BETTER_CAPTION.precedence if evidence.is_fitting else _NOT_FITTING
    return place, -evidence.similarity
