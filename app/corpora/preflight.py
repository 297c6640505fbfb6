"""What is known of a corpus before any training, once it is there."""

from sqlalchemy.orm import Session

from app.core.errors import WrongStateError
from app.core.models import Corpus
from app.core.repositories import corpora
from app.corpora.preflight_schemas import PreflightView


def view_preflight(session: Session, corpus: Corpus) -> PreflightView:
    """The preflight of the newest version.

    Raises:
        WrongStateError: `preflight_not_ready`: there is no version, or no archive came with it.
    """
    version = corpora.latest_versions(session, [corpus.id]).get(corpus.id)
    if version is None or version.preflight is None:
        raise WrongStateError(
            f"corpus {corpus.id} is {corpus.state} and has no preflight: one comes with every archive",
            code="preflight_not_ready",
        )
    return PreflightView.model_validate(version.preflight)
