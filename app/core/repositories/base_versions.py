"""SQL of the version that a new one goes out from."""

import uuid
from dataclasses import dataclass

from sqlalchemy import REAL, cast, select
from sqlalchemy.orm import Session

from app.core.models import CorpusFormat, CorpusVersion, Image, Pair, ReportRow
from app.core.repositories.importing import ImageRecord, PairRecord

_ROWS_A_FETCH = 5_000


@dataclass(frozen=True)
class BaseVersion:
    """A version with everything that is carried over from it.

    Attributes:
        images: by ordinal.
        pairs: by ordinal; their `image_id` is that of `images`.
        pair_ids: the pairs' own ids, by ordinal.
    """

    id: uuid.UUID
    number: int
    image_column: str | None
    caption_column: str | None
    format: CorpusFormat | None
    images: list[ImageRecord]
    pairs: list[PairRecord]
    pair_ids: list[uuid.UUID]


def read_base_version(session: Session, corpus_id: uuid.UUID) -> BaseVersion | None:
    """The newest version of a corpus, or None where it has none yet."""
    version = session.execute(
        select(CorpusVersion).where(CorpusVersion.corpus_id == corpus_id).order_by(CorpusVersion.number.desc()).limit(1)
    ).scalar_one_or_none()
    if version is None:
        return None
    ids, pairs = _pairs(session, version.id)
    return BaseVersion(
        id=version.id,
        number=version.number,
        image_column=version.image_column,
        caption_column=version.caption_column,
        format=None if version.format is None else CorpusFormat(version.format),
        images=_images(session, version.id),
        pairs=pairs,
        pair_ids=ids,
    )


def flagged_pairs(session: Session, run_id: uuid.UUID, *, threshold: float) -> set[uuid.UUID]:
    """The pairs that a run flags; compared as the report compares them."""
    statement = select(ReportRow.pair_id).where(
        ReportRow.run_id == run_id, ReportRow.correspondence < cast(threshold, REAL)
    )
    return set(session.execute(statement).scalars())


def _images(session: Session, version_id: uuid.UUID) -> list[ImageRecord]:
    statement = (
        select(
            Image.id,
            Image.sha256,
            Image.shard_key,
            Image.shard_offset,
            Image.n_bytes,
            Image.width_px,
            Image.height_px,
            Image.media_type,
            Image.n_frames,
            Image.source_path,
            Image.normal_bytes,
        )
        .where(Image.corpus_version_id == version_id)
        .order_by(Image.ordinal)
    )
    rows = session.execute(statement.execution_options(yield_per=_ROWS_A_FETCH))
    return [ImageRecord(**row._asdict()) for row in rows]


def _pairs(session: Session, version_id: uuid.UUID) -> tuple[list[uuid.UUID], list[PairRecord]]:
    statement = (
        select(
            Pair.id,
            Pair.pair_key,
            Pair.image_id,
            Pair.caption_ordinal,
            Pair.caption,
            Pair.source_id,
            Pair.source_path,
            Pair.row_number,
            Pair.extra,
            Pair.import_number,
            Pair.source_file,
        )
        .where(Pair.corpus_version_id == version_id)
        .order_by(Pair.ordinal)
    )
    ids: list[uuid.UUID] = []
    pairs: list[PairRecord] = []
    for row in session.execute(statement.execution_options(yield_per=_ROWS_A_FETCH)):
        values = row._asdict()
        ids.append(values.pop("id"))
        pairs.append(PairRecord(**values))
    return ids, pairs
