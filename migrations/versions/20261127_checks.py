"""Checks beside mismatch: a corpus version's summary, and the scores of its images and captions."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "8c41d7b25e9a"
down_revision = "3f6f0e6a91c4"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "corpus_checks",
        sa.Column("corpus_version_id", sa.Uuid(), nullable=False),
        sa.Column("summary", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        *_owners("corpus_checks"),
        sa.PrimaryKeyConstraint("corpus_version_id", name=op.f("pk_corpus_checks")),
    )
    op.create_table(
        "image_checks",
        sa.Column("image_id", sa.Uuid(), nullable=False),
        sa.Column("corpus_version_id", sa.Uuid(), nullable=False),
        *_scores("dark", "blurry", "blank", "odd_aspect", "tiny", "duplicate", "near_duplicate"),
        sa.Column("near_duplicate_set", sa.Integer(), nullable=True),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        *_owners("image_checks"),
        sa.ForeignKeyConstraint(
            ["image_id"], ["images.id"], name=op.f("fk_image_checks_image_id_images"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("image_id", name=op.f("pk_image_checks")),
    )
    op.create_index(op.f("ix_image_checks_corpus_version_id"), "image_checks", ["corpus_version_id"], unique=False)
    op.create_table(
        "caption_checks",
        sa.Column("corpus_version_id", sa.Uuid(), nullable=False),
        sa.Column("caption_ordinal", sa.Integer(), autoincrement=False, nullable=False),
        *_scores("empty", "overlong", "wrong_language", "boilerplate", "duplicate"),
        sa.Column("near_duplicate", sa.REAL(), nullable=True),
        sa.Column("near_duplicate_set", sa.Integer(), nullable=True),
        sa.Column("language", sa.String(length=16), nullable=True),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        *_owners("caption_checks"),
        sa.PrimaryKeyConstraint("corpus_version_id", "caption_ordinal", name=op.f("pk_caption_checks")),
    )


def downgrade() -> None:
    op.drop_table("caption_checks")
    op.drop_index(op.f("ix_image_checks_corpus_version_id"), table_name="image_checks")
    op.drop_table("image_checks")
    op.drop_table("corpus_checks")


def _scores(*names: str) -> list[sa.Column[float]]:
    return [sa.Column(name, sa.REAL(), nullable=False) for name in names]


def _owners(table: str) -> list[sa.ForeignKeyConstraint]:
    return [
        sa.ForeignKeyConstraint(
            ["corpus_version_id"],
            ["corpus_versions.id"],
            name=op.f(f"fk_{table}_corpus_version_id_corpus_versions"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f(f"fk_{table}_workspace_id_workspaces"), ondelete="CASCADE"
        ),
    ]
