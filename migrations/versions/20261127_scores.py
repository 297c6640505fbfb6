"""How sure a finding is, what a cut at its rank is worth, and what other scorers say."""

import sqlalchemy as sa
from alembic import op

revision = "b7a2e95d10c3"
down_revision = "8c41d7b25e9a"
branch_labels = None
depends_on = None

_COLUMNS = (
    "correspondence_low",
    "correspondence_high",
    "expected_precision_at_cut",
    "lemon_score",
    "similarity_score",
)


def upgrade() -> None:
    for name in _COLUMNS:
        op.add_column("report_rows", sa.Column(name, sa.REAL(), nullable=True))


def downgrade() -> None:
    for name in reversed(_COLUMNS):
        op.drop_column("report_rows", name)
