"""Repairs: what a run proposes in place of the captions of flagged pairs."""

import sqlalchemy as sa
from alembic import op

revision = "5e0b7c94d1f2"
down_revision = "b7a2e95d10c3"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "repairs",
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("n_pairs", sa.Integer(), nullable=False),
        sa.Column("first_row", sa.Integer(), nullable=False),
        sa.Column("last_row", sa.Integer(), nullable=False),
        sa.Column("offset", sa.Integer(), nullable=True),
        sa.Column("before", sa.REAL(), nullable=False),
        sa.Column("after", sa.REAL(), nullable=False),
        sa.Column("gain", sa.REAL(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("before BETWEEN 0 AND 1", name=op.f("ck_repairs_before_in_range")),
        sa.CheckConstraint("after BETWEEN 0 AND 1", name=op.f("ck_repairs_after_in_range")),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name=op.f("fk_repairs_run_id_runs"), ondelete="CASCADE"),
        sa.ForeignKeyConstraint(
            ["workspace_id"], ["workspaces.id"], name=op.f("fk_repairs_workspace_id_workspaces"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("run_id", "number", name=op.f("pk_repairs")),
    )
    op.create_table(
        "repair_pairs",
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("pair_id", sa.Uuid(), nullable=False),
        sa.Column("caption_pair_id", sa.Uuid(), nullable=False),
        sa.Column("before", sa.REAL(), nullable=False),
        sa.Column("after", sa.REAL(), nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.CheckConstraint("before BETWEEN 0 AND 1", name=op.f("ck_repair_pairs_before_in_range")),
        sa.CheckConstraint("after BETWEEN 0 AND 1", name=op.f("ck_repair_pairs_after_in_range")),
        sa.ForeignKeyConstraint(
            ["caption_pair_id"],
            ["pairs.id"],
            name=op.f("fk_repair_pairs_caption_pair_id_pairs"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["pair_id"], ["pairs.id"], name=op.f("fk_repair_pairs_pair_id_pairs"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["run_id", "number"],
            ["repairs.run_id", "repairs.number"],
            name="fk_repair_pairs_repair",
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["workspace_id"],
            ["workspaces.id"],
            name=op.f("fk_repair_pairs_workspace_id_workspaces"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("run_id", "number", "position", name=op.f("pk_repair_pairs")),
    )
    op.create_index(op.f("ix_repair_pairs_caption_pair_id"), "repair_pairs", ["caption_pair_id"], unique=False)
    op.create_index(op.f("ix_repair_pairs_pair_id"), "repair_pairs", ["pair_id"], unique=False)


def downgrade() -> None:
    op.drop_table("repair_pairs")
    op.drop_table("repairs")
