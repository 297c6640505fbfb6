"""In which file of captions each pair stands."""

import sqlalchemy as sa
from alembic import op

revision = "b58e03d7c914"
down_revision = "c4e81f7a6d02"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("pairs", sa.Column("source_file", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("pairs", "source_file")
