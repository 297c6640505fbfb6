"""How a version of a corpus goes out from the one before it, as a job keeps it."""

import uuid
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter


def archive_key(corpus_id: uuid.UUID, *, append_id: uuid.UUID | None = None) -> str:
    """Where a corpus's first archive lies, or one that is appended under an id of its own."""
    return f"corpora/{corpus_id}/archive" if append_id is None else f"corpora/{corpus_id}/appended/{append_id}/archive"


def archive_folder(key: str) -> str:
    """The prefix under which nothing but an appended archive lies."""
    return key.rpartition("/")[0]


class AppendArchive(BaseModel):
    """The rows of another archive are added. It lies alone in its folder."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["append"] = "append"
    archive_key: str
    n_bytes: int


class DropPairs(BaseModel):
    """Some pairs are left out."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["drop"] = "drop"
    pair_ids: tuple[uuid.UUID, ...]


class DropFlagged(BaseModel):
    """What a run flags at a threshold is left out."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["drop_flagged"] = "drop_flagged"
    run_id: uuid.UUID
    threshold: float


VersionChange = Annotated[AppendArchive | DropPairs | DropFlagged, Field(discriminator="kind")]

_ADAPTER: TypeAdapter[AppendArchive | DropPairs | DropFlagged] = TypeAdapter(VersionChange)


def read_change(request: dict[str, Any] | None) -> AppendArchive | DropPairs | DropFlagged | None:  # Any: JSON
    """The change that a job was asked for; None for the import of a corpus's first archive."""
    return None if request is None else _ADAPTER.validate_python(request)
