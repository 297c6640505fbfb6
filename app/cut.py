"""The query parameters that say below what pairs are flagged."""

from typing import Annotated

from fastapi import Depends, Query

from app.reports.service import Cut

Threshold = Annotated[
    float | None,
    Query(ge=0, le=1, allow_inf_nan=False, description="correspondence below it is flagged; default: the run's"),
]
FalseDiscoveryRate = Annotated[
    float | None,
    Query(
        gt=0,
        lt=1,
        allow_inf_nan=False,
        description="instead of a threshold: flag the most at which this share of the flagged is expected to be wrong",
    ),
]


def get_cut(threshold: Threshold = None, fdr: FalseDiscoveryRate = None) -> Cut:
    """What a request asks for; neither means the run's own threshold."""
    return Cut(threshold, fdr)


CutDep = Annotated[Cut, Depends(get_cut)]
