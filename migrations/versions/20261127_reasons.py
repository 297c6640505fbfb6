"""Why each suspect pair is one, and what in the corpus fits better."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "3f6f0e6a91c4"
down_revision = "d8ffe74fb05f"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("report_rows", sa.Column("reason_code", sa.Text(), nullable=True))
    op.add_column("report_rows", sa.Column("evidence", postgresql.JSONB(astext_type=sa.Text()), nullable=True))
    op.add_column("report_rows", sa.Column("best_caption", sa.Text(), nullable=True))
    op.add_column("report_rows", sa.Column("best_caption_correspondence", sa.REAL(), nullable=True))
    op.add_column("report_rows", sa.Column("repair_image_id", sa.Uuid(), nullable=True))


def downgrade() -> None:
    op.drop_column("report_rows", "repair_image_id")
    op.drop_column("report_rows", "best_caption_correspondence")
    op.drop_column("report_rows", "best_caption")
    op.drop_column("report_rows", "evidence")
    op.drop_column("report_rows", "reason_code")
