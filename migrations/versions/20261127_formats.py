"""The format that a corpus came in, its preflight, and where in which file a rejected row stands."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "c4e81f7a6d02"
down_revision = "c4a1d83be706"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("corpora", sa.Column("wanted_format", sa.String(length=32), nullable=True))
    op.add_column("corpus_versions", sa.Column("format", sa.String(length=32), nullable=True))
    op.add_column("corpus_versions", sa.Column("preflight", postgresql.JSONB(astext_type=sa.Text()), nullable=True))
    op.add_column("rejections", sa.Column("source_file", sa.Text(), nullable=True))
    op.add_column("rejections", sa.Column("byte_offset", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    op.drop_column("rejections", "byte_offset")
    op.drop_column("rejections", "source_file")
    op.drop_column("corpus_versions", "preflight")
    op.drop_column("corpus_versions", "format")
    op.drop_column("corpora", "wanted_format")
