"""How each sink fares, and when each delivery ended: so that old ones are found and pruned."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "breakers",
        sa.Column("sink", sa.String, primary_key=True),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.add_column("deliveries", sa.Column("settled_at", sa.String))
    if op.get_bind().dialect.name == "sqlite":  # no other database holds rows of that age
        table = sa.table("deliveries", sa.column("settled_at"), sa.column("body"))
        op.execute(table.update().values(settled_at=sa.func.json_extract(table.c.body, "$.settled_at")))
    op.create_index("deliveries_by_end", "deliveries", ["settled_at"])
