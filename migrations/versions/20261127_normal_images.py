"""Images that are not plain have a normal form behind their original."""

import sqlalchemy as sa
from alembic import op

revision = "c93b1f7e2a60"
down_revision = "a41d6c0f8e35"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("images", sa.Column("normal_bytes", sa.Integer(), nullable=True))


def downgrade() -> None:
    op.drop_column("images", "normal_bytes")
