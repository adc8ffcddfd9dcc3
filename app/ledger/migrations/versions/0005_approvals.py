"""Plans past the brake, their approvals, and how long each act has been held."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "held_plans", sa.Column("id", sa.String, primary_key=True), sa.Column("body", sa.Text, nullable=False)
    )
    op.create_table(
        "approvals",
        sa.Column("plan", sa.String, primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.create_table(
        "holds",
        sa.Column("finding_id", sa.String, primary_key=True),
        sa.Column("guard", sa.String, primary_key=True),
        sa.Column("body", sa.Text, nullable=False),
    )
