"""Versions that go out from another one, and what an import was asked for."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "e2d84a6b90f7"
down_revision = "c93b1f7e2a60"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("jobs", sa.Column("request", postgresql.JSONB(astext_type=sa.Text()), nullable=True))
    op.add_column("corpus_versions", sa.Column("parent_id", sa.Uuid(), nullable=True))
    op.add_column("corpus_versions", sa.Column("n_added", sa.Integer(), nullable=True))
    op.add_column("corpus_versions", sa.Column("n_dropped", sa.Integer(), nullable=True))
    op.create_foreign_key(
        op.f("fk_corpus_versions_parent_id_corpus_versions"),
        "corpus_versions",
        "corpus_versions",
        ["parent_id"],
        ["id"],
        ondelete="CASCADE",
    )
    op.create_index(op.f("ix_corpus_versions_parent_id"), "corpus_versions", ["parent_id"], unique=False)
    op.add_column("runs", sa.Column("base_run_id", sa.Uuid(), nullable=True))
    op.create_foreign_key(
        op.f("fk_runs_base_run_id_runs"), "runs", "runs", ["base_run_id"], ["id"], ondelete="SET NULL"
    )
    op.create_index(op.f("ix_runs_base_run_id"), "runs", ["base_run_id"], unique=False)
    op.add_column("report_rows", sa.Column("base_correspondence", sa.REAL(), nullable=True))
    op.add_column("pairs", sa.Column("import_number", sa.Integer(), server_default=sa.text("1"), nullable=False))


def downgrade() -> None:
    op.drop_column("pairs", "import_number")
    op.drop_column("report_rows", "base_correspondence")
    op.drop_index(op.f("ix_runs_base_run_id"), table_name="runs")
    op.drop_constraint(op.f("fk_runs_base_run_id_runs"), "runs", type_="foreignkey")
    op.drop_column("runs", "base_run_id")
    op.drop_index(op.f("ix_corpus_versions_parent_id"), table_name="corpus_versions")
    op.drop_constraint(op.f("fk_corpus_versions_parent_id_corpus_versions"), "corpus_versions", type_="foreignkey")
    op.drop_column("corpus_versions", "n_dropped")
    op.drop_column("corpus_versions", "n_added")
    op.drop_column("corpus_versions", "parent_id")
    op.drop_column("jobs", "request")
