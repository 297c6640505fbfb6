"""SQL of a run's inputs: where images lie, distinct captions, who is paired with whom; and the feature store's rows."""

import dataclasses
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, case, func, select
from sqlalchemy.dialects.postgresql import distinct_on, insert
from sqlalchemy.orm import Session, aliased

from app.core.models import FeatureSet, Image, Pair, new_id
from app.core.repositories.corpora import ancestors_of
from app.core.repositories.jobs import Claim

_ROWS_A_FETCH = 10_000


@dataclass(frozen=True)
class StoredFeatures:
    """Features of a corpus version in storage.

    Attributes:
        fingerprint: of the encoder, or of so many regions by it.
        storage_prefix: `images.npy` lies below it, and `captions.npy` where there are caption vectors.
        image_dim: of a vector, or of a region.
        n_regions: of an image, the global one included; None = one vector an image.
        caption_dim: None beside regions: whoever reads them reads the captions' words.
        joint_dim: of the space that vectors of both kinds share, if they do.
    """

    fingerprint: str
    storage_prefix: str
    image_dim: int
    n_regions: int | None
    caption_dim: int | None
    joint_dim: int | None


def image_places(session: Session, version_id: uuid.UUID) -> Iterator[tuple[str, int, int]]:
    """(shard key, offset, bytes) of each distinct image in the form to decode, by ordinal."""
    is_plain = Image.normal_bytes.is_(None)
    statement = (
        select(
            Image.shard_key,
            case((is_plain, Image.shard_offset), else_=Image.shard_offset + Image.n_bytes),
            func.coalesce(Image.normal_bytes, Image.n_bytes),
        )
        .where(Image.corpus_version_id == version_id)
        .order_by(Image.ordinal)
    )
    for row in session.execute(statement.execution_options(yield_per=_ROWS_A_FETCH)):
        yield row[0], row[1], row[2]


def distinct_captions(session: Session, version_id: uuid.UUID) -> Iterator[str]:
    """The first wording of each distinct normalised caption, by caption ordinal."""
    statement = (
        select(Pair.caption_ordinal, Pair.caption)
        .where(Pair.corpus_version_id == version_id)
        .ext(distinct_on(Pair.caption_ordinal))
        .order_by(Pair.caption_ordinal, Pair.ordinal)
    )
    for row in session.execute(statement.execution_options(yield_per=_ROWS_A_FETCH)):
        yield row.caption


def pair_links(session: Session, version_id: uuid.UUID) -> Iterator[tuple[uuid.UUID, int, int]]:
    """(pair id, image ordinal, caption ordinal) of each pair, by ordinal."""
    statement = (
        select(Pair.id, Image.ordinal, Pair.caption_ordinal)
        .join(Image, Image.id == Pair.image_id)
        .where(Pair.corpus_version_id == version_id)
        .order_by(Pair.ordinal)
    )
    for row in session.execute(statement.execution_options(yield_per=_ROWS_A_FETCH)):
        yield row.id, row.ordinal, row.caption_ordinal


def pair_sources(
    session: Session, version_id: uuid.UUID
) -> Iterator[tuple[int, str, dict[str, Any] | None, int, str | None]]:
    """(row number, path of the image, the user's other columns, number of the version that brought it, its file of
    captions) of each pair, by ordinal. Any: JSON.
    """
    statement = (
        select(Pair.row_number, Pair.source_path, Pair.extra, Pair.import_number, Pair.source_file)
        .where(Pair.corpus_version_id == version_id)
        .order_by(Pair.ordinal)
    )
    for row in session.execute(statement.execution_options(yield_per=_ROWS_A_FETCH)):
        yield row.row_number, row.source_path, row.extra, row.import_number, row.source_file


def pair_row_numbers(session: Session, version_id: uuid.UUID) -> Iterator[int]:
    """The row of each pair in the user's manifest, by ordinal."""
    statement = select(Pair.row_number).where(Pair.corpus_version_id == version_id).order_by(Pair.ordinal)
    yield from session.execute(statement.execution_options(yield_per=_ROWS_A_FETCH)).scalars()


def image_ids(session: Session, version_id: uuid.UUID) -> Iterator[uuid.UUID]:
    """The id of each distinct image, by ordinal."""
    statement = select(Image.id).where(Image.corpus_version_id == version_id).order_by(Image.ordinal)
    yield from session.execute(statement.execution_options(yield_per=_ROWS_A_FETCH)).scalars()


def stored_features(session: Session, version_id: uuid.UUID) -> dict[str, StoredFeatures]:
    """Features of a version, by their fingerprint."""
    rows = session.execute(select(FeatureSet).where(FeatureSet.corpus_version_id == version_id)).scalars()
    return {
        row.fingerprint: StoredFeatures(
            fingerprint=row.fingerprint,
            storage_prefix=row.storage_prefix,
            image_dim=row.image_dim,
            n_regions=row.n_regions,
            caption_dim=row.caption_dim,
            joint_dim=row.joint_dim,
        )
        for row in rows
    }


def nearest_with_features(session: Session, version_id: uuid.UUID | None) -> uuid.UUID | None:
    """A version, or the nearest one that it goes out from, that has features; None where none has."""
    ancestors = ancestors_of(version_id)
    statement = (
        select(ancestors.c.id)
        .where(ancestors.c.id.in_(select(FeatureSet.corpus_version_id)))
        .order_by(ancestors.c.number.desc())
        .limit(1)
    )
    return session.execute(statement).scalar_one_or_none()


def carried_images(session: Session, version_id: uuid.UUID, from_id: uuid.UUID) -> Iterator[tuple[int, int]]:
    """(ordinal, ordinal in another version) of each image that both versions have."""
    old = aliased(Image)
    statement = (
        select(Image.ordinal, old.ordinal.label("old"))
        .join(old, and_(old.sha256 == Image.sha256, old.workspace_id == Image.workspace_id))
        .where(Image.corpus_version_id == version_id, old.corpus_version_id == from_id)
    )
    for row in session.execute(statement.execution_options(yield_per=_ROWS_A_FETCH)):
        yield row.ordinal, row.old


def carried_captions(session: Session, version_id: uuid.UUID, from_id: uuid.UUID) -> Iterator[tuple[int, int]]:
    """(ordinal, ordinal in another version) of the distinct captions of pairs that both versions have."""
    old = aliased(Pair)
    is_same = and_(old.pair_key == Pair.pair_key, old.workspace_id == Pair.workspace_id, old.caption == Pair.caption)
    statement = (
        select(Pair.caption_ordinal, func.min(old.caption_ordinal).label("old"))
        .join(old, is_same)
        .where(Pair.corpus_version_id == version_id, old.corpus_version_id == from_id)
        .group_by(Pair.caption_ordinal)
    )
    for row in session.execute(statement.execution_options(yield_per=_ROWS_A_FETCH)):
        yield row.caption_ordinal, row.old


def add_features(session: Session, claim: Claim, version_id: uuid.UUID, features: StoredFeatures) -> None:
    """Name stored features. When another run was first, its features stay and these are left unnamed."""
    session.execute(
        insert(FeatureSet)
        .values(
            id=new_id(),
            workspace_id=claim.workspace_id,
            corpus_version_id=version_id,
            **dataclasses.asdict(features),
        )
        .on_conflict_do_nothing()
    )
