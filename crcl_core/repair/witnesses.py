"""Who testifies that captions are shifted: models that did not see the pair, and the neighbours of its image."""

from dataclasses import dataclass
from typing import final

import numpy as np

from crcl_core.data import PairFeatures
from crcl_core.repair.held_out_scores import HeldOutScores
from crcl_core.repair.match_odds import MatchOdds, PairScores
from crcl_core.repair.neighbour_scores import NeighbourScores
from crcl_core.types import BoolArray, DoubleArray, FloatArray, IntArray

# One pair that surely matches where it stands costs a block no more than this lets it.
_SUREST = 0.995
_LIKELIER_WRONG = 0.5


@final
@dataclass(frozen=True, eq=False)
class Witness:
    """What is known of any image and caption, and of each pair as it stands.

    Attributes:
        scores: Of images against captions.
        odds: What the scores say.
        match: (N,) float64, the probability that each pair matches.
        is_wrong: (N,) bool, the pairs that are likelier wrong than right; of itself, so with no regard to how many are.
    """

    scores: PairScores
    odds: MatchOdds
    match: DoubleArray
    is_wrong: BoolArray

    def log_odds(self, image_rows: IntArray, caption_rows: IntArray) -> DoubleArray:
        """(n,) log odds that the images of some pairs match the captions of others."""
        return self.odds(self.scores.of_rows(image_rows, caption_rows))


def find_witnesses(
    features: PairFeatures,
    scores: HeldOutScores,
    correspondence: FloatArray,
    is_flagged: BoolArray,
    *,
    nearby: int,
    seed: int,
) -> list[Witness]:
    """Lists those that can tell anything of a corpus, two at most.

    Args:
        features: The corpus.
        scores: By models that did not see the pair; beside them, a pair as it stands is judged by its correspondence.
        correspondence: (N,) float32 in [0, 1].
        is_flagged: (N,) bool.
        nearby: See `MatchOdds`.
        seed: Of the run.
    """
    witnesses = []
    odds = MatchOdds(scores, features, is_flagged, nearby=nearby, seed=seed)
    if odds.is_known:
        match = correspondence.astype(np.float64).clip(max=_SUREST)
        witnesses.append(Witness(scores, odds, match, match < _LIKELIER_WRONG))
    neighbours = None if features.has_tokens else NeighbourScores(features, is_flagged, seed=seed)
    if neighbours is not None and neighbours.is_known:
        odds = MatchOdds(neighbours, features, is_flagged, nearby=nearby, seed=seed)
        if odds.is_known:
            rows = np.arange(features.n_pairs, dtype=np.int64)
            own = odds(neighbours.of_rows(rows, rows))
            rate = float(np.clip(1 - correspondence.mean(), 1 - _SUREST, _SUREST))
            match = (1 / (1 + rate / (1 - rate) * np.exp(-own))).clip(max=_SUREST)
            witnesses.append(Witness(neighbours, odds, match, own < 0))
    return witnesses
