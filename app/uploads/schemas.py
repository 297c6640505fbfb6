"""Wire types of uploads."""

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Self

from app.core.models import Upload
from app.schemas import WireModel
from app.uploads.tus_headers import decode_metadata


class UploadState(StrEnum):
    """Where an upload stands; what failed is gone."""

    RECEIVING = "receiving"
    DONE = "done"


class UploadView(WireModel):
    """An upload: how many of its bytes are stored, and the corpus that it becomes."""

    id: uuid.UUID
    corpus_id: uuid.UUID
    state: UploadState
    length: int
    offset: int
    metadata: dict[str, str]
    created_at: datetime
    expires_at: datetime
    finished_at: datetime | None

    @classmethod
    def of(cls, upload: Upload) -> Self:
        """The view of a row."""
        return cls(
            id=upload.id,
            corpus_id=upload.corpus_id,
            state=UploadState.RECEIVING if upload.finished_at is None else UploadState.DONE,
            length=upload.n_bytes,
            offset=upload.n_stored,
            metadata=decode_metadata(upload.encoded_metadata),
            created_at=upload.created_at,
            expires_at=upload.expires_at,
            finished_at=upload.finished_at,
        )
