"""Addresses that don't answer: for one credential, or because the person has left."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "refusals",
        sa.Column("address", sa.String, primary_key=True),
        sa.Column("uid", sa.String, primary_key=True),
        sa.Column("body", sa.Text, nullable=False),
    )
