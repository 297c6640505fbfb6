"""A customer's corpus: versions, images, pairs, rejected rows, encoded features."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from app.core.models.base import Base, CreatedMixin, IdMixin, WorkspaceMixin
from app.core.models.states import CorpusState


class Corpus(IdMixin, WorkspaceMixin, CreatedMixin, Base):
    """A customer's collection of pairs and the archive that it came in."""

    __tablename__ = "corpora"
    __table_args__ = (Index(None, "workspace_id", "id"),)

    name: Mapped[str] = mapped_column(String(200))
    state: Mapped[str] = mapped_column(String(16), default=CorpusState.UPLOADING)
    error: Mapped[dict[str, Any] | None] = mapped_column(JSONB)  # {"code", "detail"}; Any is JSON
    archive_key: Mapped[str | None] = mapped_column(Text)
    archive_kind: Mapped[str | None] = mapped_column(String(16))
    archive_bytes: Mapped[int | None] = mapped_column(BigInteger)
    archive_sha256: Mapped[bytes | None] = mapped_column(LargeBinary)
    wanted_format: Mapped[str | None] = mapped_column(String(32))  # None = told from the archive's content
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())


class CorpusVersion(IdMixin, WorkspaceMixin, CreatedMixin, Base):
    """One immutable state of a corpus. n_read = n_accepted + n_rejected always holds."""

    __tablename__ = "corpus_versions"
    __table_args__ = (UniqueConstraint("workspace_id", "corpus_id", "number"),)

    corpus_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("corpora.id", ondelete="CASCADE"), index=True)
    number: Mapped[int]
    n_read: Mapped[int]
    n_accepted: Mapped[int]
    n_rejected: Mapped[int]
    n_images: Mapped[int]
    n_captions: Mapped[int]
    # The version that this one goes out from, and what it has more and less; NULL of a corpus's first.
    parent_id: Mapped[uuid.UUID | None] = mapped_column(
        ForeignKey("corpus_versions.id", ondelete="CASCADE"), index=True
    )
    n_added: Mapped[int | None]
    n_dropped: Mapped[int | None]
    caption_column: Mapped[str | None] = mapped_column(Text)
    image_column: Mapped[str | None] = mapped_column(Text)
    format: Mapped[str | None] = mapped_column(String(32))  # None in versions that are older than formats
    preflight: Mapped[dict[str, Any] | None] = mapped_column(JSONB)  # see worker.pipeline.preflight; Any is JSON


class Image(IdMixin, WorkspaceMixin, Base):
    """Distinct image content of a version: where its original bytes lie."""

    __tablename__ = "images"
    __table_args__ = (
        UniqueConstraint("workspace_id", "corpus_version_id", "sha256"),
        UniqueConstraint("corpus_version_id", "ordinal"),
    )

    corpus_version_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("corpus_versions.id", ondelete="CASCADE"))
    ordinal: Mapped[int]  # row in the feature store, 0..n_images-1
    sha256: Mapped[bytes] = mapped_column(LargeBinary)
    shard_key: Mapped[str] = mapped_column(Text)
    shard_offset: Mapped[int] = mapped_column(BigInteger)
    n_bytes: Mapped[int]
    width_px: Mapped[int]
    height_px: Mapped[int]
    media_type: Mapped[str] = mapped_column(String(32))
    n_frames: Mapped[int]
    source_path: Mapped[str] = mapped_column(Text)  # the first path that named this content, verbatim
    # Of a JPEG right behind the original: upright, RGB, of a bounded size. NULL where the original is read as it is.
    normal_bytes: Mapped[int | None]

    @property
    def readable_place(self) -> tuple[str, int, int]:
        """(shard key, offset, bytes) of what is decoded from now on: the normal form, or the original."""
        if self.normal_bytes is None:
            return self.shard_key, self.shard_offset, self.n_bytes
        return self.shard_key, self.shard_offset + self.n_bytes, self.normal_bytes


class Pair(IdMixin, WorkspaceMixin, Base):
    """One image with one caption, in the order of the manifest."""

    __tablename__ = "pairs"
    __table_args__ = (
        UniqueConstraint("workspace_id", "corpus_version_id", "pair_key"),
        UniqueConstraint("corpus_version_id", "ordinal"),
        Index(None, "image_id"),
    )

    corpus_version_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("corpus_versions.id", ondelete="CASCADE"))
    ordinal: Mapped[int]  # 0..n_accepted-1
    # The user's id, else the hash of image and caption; the n-th repeat (n > 1) ends in #n, so that no row is lost.
    pair_key: Mapped[str] = mapped_column(Text)
    image_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("images.id", ondelete="CASCADE"))
    caption_ordinal: Mapped[int]  # row in the feature store; equal normalised captions share it
    caption: Mapped[str] = mapped_column(Text)
    source_id: Mapped[str | None] = mapped_column(Text)
    source_path: Mapped[str] = mapped_column(Text)
    row_number: Mapped[int]  # line of the manifest's data, 1 = the first row after the header
    extra: Mapped[dict[str, Any] | None] = mapped_column(JSONB)  # the user's other columns, verbatim; Any is JSON
    source_file: Mapped[str | None] = mapped_column(Text)  # the file of captions that the row stands in
    import_number: Mapped[int] = mapped_column(server_default=text("1"))  # of the version that brought the row


class Rejection(WorkspaceMixin, Base):
    """An input row that was not accepted, or an image that no row names."""

    __tablename__ = "rejections"
    __table_args__ = (Index(None, "corpus_version_id", "id"),)

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=True)
    corpus_version_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("corpus_versions.id", ondelete="CASCADE"))
    row_number: Mapped[int | None]
    source_path: Mapped[str | None] = mapped_column(Text)
    code: Mapped[str] = mapped_column(String(40))
    detail: Mapped[str] = mapped_column(Text)
    source_file: Mapped[str | None] = mapped_column(Text)  # the file of captions that the row stands in
    byte_offset: Mapped[int | None] = mapped_column(BigInteger)  # where the row begins in it, if that is a text


class FeatureSet(IdMixin, WorkspaceMixin, CreatedMixin, Base):
    """Features of a corpus version, reused by every run that asks for the same: an encoder's vectors, or its regions.

    Regions come without caption vectors: a model of regions reads the captions' words.
    """

    __tablename__ = "feature_sets"
    __table_args__ = (UniqueConstraint("workspace_id", "corpus_version_id", "fingerprint"),)

    corpus_version_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("corpus_versions.id", ondelete="CASCADE"))
    fingerprint: Mapped[str] = mapped_column(String(64))  # the encoder's, or that of so many regions by it
    storage_prefix: Mapped[str] = mapped_column(Text)
    image_dim: Mapped[int]  # of a vector, or of a region
    n_regions: Mapped[int | None]  # the global one included; None = one vector an image
    caption_dim: Mapped[int | None]
    joint_dim: Mapped[int | None]
