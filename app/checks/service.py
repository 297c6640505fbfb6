"""Rules of reading checks: of which version, and below which score an item is flagged."""

import uuid
from dataclasses import dataclass

from sqlalchemy.orm import Session

from app.checks.schemas import CaptionIssue, CheckedCaption, CheckedImage, ChecksSummary, ImageIssue
from app.core.errors import WrongStateError
from app.core.models import Corpus
from app.core.repositories import checks, corpora
from app.core.repositories.checks import CaptionCheckEntry, ImageCheckEntry, WantedItems


@dataclass(frozen=True)
class StoredChecks:
    """The checks of a corpus's newest version."""

    corpus_id: uuid.UUID
    version_id: uuid.UUID
    summary: ChecksSummary

    def threshold(self, issue: ImageIssue | CaptionIssue) -> float:
        """Below which a score of the issue is flagged."""
        counts = self.summary.images if isinstance(issue, ImageIssue) else self.summary.captions
        return next(count.threshold for count in counts if count.issue == issue)

    def items(self, issue: ImageIssue | CaptionIssue, threshold: float | None) -> WantedItems:
        """The items that an issue flags at a threshold, by default its own."""
        return WantedItems(self.version_id, issue.value, self.threshold(issue) if threshold is None else threshold)

    def all_items(self) -> WantedItems:
        """Every item."""
        return WantedItems(self.version_id)


def stored_checks(session: Session, corpus: Corpus) -> StoredChecks:
    """The checks of a corpus.

    Raises:
        WrongStateError: `checks_not_ready`: no run of its newest version has come as far.
    """
    version = corpora.latest_versions(session, [corpus.id]).get(corpus.id)
    summary = None if version is None else checks.checks_summary(session, version.id)
    if version is None or summary is None:
        raise WrongStateError(
            f"corpus {corpus.id} has not been checked; the first run of its newest version does that",
            code="checks_not_ready",
        )
    return StoredChecks(corpus.id, version.id, ChecksSummary.model_validate(summary))


def view_image(entry: ImageCheckEntry, issue: ImageIssue) -> CheckedImage:
    """An image as the list of an issue shows it."""
    return CheckedImage(
        image_id=entry.image_id,
        source_path=entry.source_path,
        width_px=entry.width_px,
        height_px=entry.height_px,
        score=getattr(entry, issue),
        is_near_duplicate=entry.near_duplicate_set is not None,
        near_duplicate_set=entry.near_duplicate_set,
    )


def view_caption(entry: CaptionCheckEntry, issue: CaptionIssue) -> CheckedCaption:
    """A caption as the list of an issue shows it."""
    return CheckedCaption(
        caption=entry.caption,
        pair_id=entry.pair_id,
        pair_key=entry.pair_key,
        language=entry.language,
        score=getattr(entry, issue),
        is_near_duplicate=entry.near_duplicate_set is not None,
        near_duplicate_set=entry.near_duplicate_set,
    )
