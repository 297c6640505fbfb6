"""Which rows of a report are wanted; the same for pages and downloads."""

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class ReportFilter:
    """All rows by default; every member narrows.

    Attributes:
        threshold: correspondence below it counts as a mismatch; default the run's.
        fdr: instead of a threshold, of a calibrated run: the most are flagged at which this share of the flagged is
            expected to be wrong; above 0 and below 1.
        is_flagged: only flagged rows, or only the others.
        min_correspondence, max_correspondence: a range within [0, 1].
        image_id: only this image's pairs.
        words: only captions with these words.
        reason: only pairs with this reason code, such as better_caption; docs/reason-codes.md lists them.
        best_captions: only so many captions of each image, those that fit it best.
        change: only pairs with this change against the run of the version before: new, regressed, remaining, resolved.
    """

    threshold: float | None = None
    fdr: float | None = None
    is_flagged: bool | None = None
    min_correspondence: float | None = None
    max_correspondence: float | None = None
    image_id: str | None = None
    words: str | None = None
    reason: str | None = None
    best_captions: int | None = None
    change: str | None = None

    def parameters(self) -> dict[str, str | float | None]:
        """Query parameters, by their names on the wire."""
        members = asdict(self)
        flag = members.pop("is_flagged")
        members["q"] = members.pop("words")
        return {**members, "flag": None if flag is None else str(flag).lower()}
