"""How each sink fares, and when each delivery ended: so that old ones are found and pruned."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

ENDED = {"sqlite": "json_extract(body, '$.settled_at')", "postgresql": "body::json ->> 'settled_at'"}


def upgrade() -> None:
    op.create_table(
        "breakers",
        sa.Column("sink", sa.String, primary_key=True),
        sa.Column("body", sa.Text, nullable=False),
    )
    op.add_column("deliveries", sa.Column("settled_at", sa.String))
    table = sa.table("deliveries", sa.column("settled_at"))
    ended = sa.literal_column(ENDED[op.get_bind().dialect.name], sa.String)
    op.execute(table.update().values(settled_at=ended))
    op.create_index("deliveries_by_end", "deliveries", ["settled_at"])
