"""Declarative base: naming convention, common columns."""

import uuid
from datetime import datetime

import uuid_utils.compat
from sqlalchemy import DateTime, ForeignKey, MetaData, func
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


def new_id() -> uuid.UUID:
    """A UUIDv7: unique, and sorted by time of creation."""
    return uuid_utils.compat.uuid7()


class Base(DeclarativeBase):
    """Base of all tables. Names of constraints are fixed so that migrations can speak of them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {datetime: DateTime(timezone=True)}


class IdMixin:
    """UUIDv7 primary key."""

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id)


class WorkspaceMixin:
    """Owner of the row; in every unique key and every query."""

    workspace_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("workspaces.id", ondelete="CASCADE"))


class CreatedMixin:
    """Time of creation, UTC, on the database's clock."""

    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
