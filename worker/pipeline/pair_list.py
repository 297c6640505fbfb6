"""The pairs of a corpus version in the order of their ordinals."""

import uuid
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt
from sqlalchemy.orm import Session

from app.core.repositories.features import pair_links


@dataclass(frozen=True, eq=False)
class PairList:
    """N pairs.

    Attributes:
        ids: (N,) their ids.
        image_index: (N,) int64 row of each pair's image in the feature store.
        caption_index: (N,) int64 row of each pair's caption.
    """

    ids: list[uuid.UUID]
    image_index: npt.NDArray[np.int64]
    caption_index: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.ids)

    @classmethod
    def read(cls, session: Session, version_id: uuid.UUID) -> Self:
        """Read them from the database."""
        links = list(pair_links(session, version_id))
        return cls(
            [pair_id for pair_id, _, _ in links],
            np.array([image for _, image, _ in links], dtype=np.int64),
            np.array([caption for _, _, caption in links], dtype=np.int64),
        )
