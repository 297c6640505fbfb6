"""Rows that tests of several parts need."""

import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

from sqlalchemy.orm import Session

from app.auth.service import create_key
from app.core.models import Corpus, CorpusState, CorpusVersion, Workspace

# What the fixture `committed` gives: `with committed() as session:` is one committed transaction.
Committed = Callable[[], AbstractContextManager[Session]]


def add_workspace(session: Session, name: str | None = None) -> Workspace:
    """A workspace with a name of its own."""
    workspace = Workspace(name=name or f"workspace {uuid.uuid4()}")
    session.add(workspace)
    session.flush()
    return workspace


def add_key(session: Session, workspace_id: uuid.UUID, name: str = "test key") -> str:
    """A usable key, in clear."""
    _, text = create_key(session, workspace_id, name=name)
    return text.reveal()


def add_corpus(
    session: Session,
    workspace_id: uuid.UUID,
    state: CorpusState = CorpusState.UPLOADING,
    **values: Any,  # Any: column values
) -> Corpus:
    """A corpus in the state that a test wants."""
    corpus = Corpus(workspace_id=workspace_id, state=state, **{"name": "corpus", **values})
    session.add(corpus)
    session.flush()
    return corpus


def add_version(
    session: Session, corpus: Corpus, number: int = 1, n_accepted: int = 0, n_rejected: int = 0
) -> CorpusVersion:
    """A version whose counts add up."""
    version = CorpusVersion(
        workspace_id=corpus.workspace_id,
        corpus_id=corpus.id,
        number=number,
        n_read=n_accepted + n_rejected,
        n_accepted=n_accepted,
        n_rejected=n_rejected,
        n_images=n_accepted,
        n_captions=n_accepted,
    )
    session.add(version)
    session.flush()
    return version
