"""Where each caption stands among those of its image."""

import sqlalchemy as sa
from alembic import op

revision = "a41d6c0f8e35"
down_revision = "5e0b7c94d1f2"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("report_rows", sa.Column("caption_place", sa.Integer(), nullable=True))


def downgrade() -> None:
    op.drop_column("report_rows", "caption_place")
