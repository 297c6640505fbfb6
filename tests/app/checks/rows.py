"""Checks put into the database directly, as a run would have left them."""

from sqlalchemy.orm import Session

from app.core.models import CaptionCheck, CorpusChecks, ImageCheck
from crcl_core.checks import CAPTION_THRESHOLDS, IMAGE_THRESHOLDS, CaptionIssue, ImageIssue
from tests.app.runs.rows import StoredCorpus

SOUND_IMAGE = {issue.value: 1.0 for issue in ImageIssue}
SOUND_CAPTION = {issue.value: 1.0 for issue in CaptionIssue}


def store_checks(
    session: Session,
    stored: StoredCorpus,
    images: list[dict[str, float | int]],
    captions: list[dict[str, float | int | None]],
) -> None:
    """Add checks of a corpus; of each item only the scores that are not 1 need to be given."""
    version = stored.version
    owner = {"workspace_id": stored.corpus.workspace_id, "corpus_version_id": version.id}
    summary = {
        "n_images": len(images),
        "n_captions": len(captions),
        "images": [{"issue": i.value, "threshold": IMAGE_THRESHOLDS[i], "n_flagged": 1} for i in ImageIssue],
        "captions": [{"issue": i.value, "threshold": CAPTION_THRESHOLDS[i], "n_flagged": None} for i in CaptionIssue],
        "n_image_sets": 1,
        "n_caption_sets": 0,
        "main_language": "de",
        "other_language_share": 0.25,
        "languages": [{"language": "de", "n_captions": 3}],
        "warnings": [{"code": "corpus_not_english", "detail": "the main language is 'de'"}],
    }
    session.add(CorpusChecks(**owner, summary=summary))
    for image, scores in zip(stored.images, images, strict=True):
        session.add(ImageCheck(**owner, image_id=image.id, **SOUND_IMAGE | scores))
    for ordinal, found in enumerate(captions):
        session.add(CaptionCheck(**owner, caption_ordinal=ordinal, language="de", **SOUND_CAPTION | found))
    session.flush()
