"""SQL of images."""

import uuid

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.core.models import Image


def find_image(session: Session, workspace_id: uuid.UUID, image_id: uuid.UUID) -> Image | None:
    """The image of this workspace, or None."""
    statement = select(Image).where(Image.workspace_id == workspace_id, Image.id == image_id)
    return session.execute(statement).scalar_one_or_none()
