"""Facts and findings by account, findings by ticket, and the reports of a sweep that goes on."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

ACCOUNT = {"sqlite": "json_extract(body, '$.account_id')", "postgresql": "body::json ->> 'account_id'"}
TICKETS = {
    "sqlite": "INSERT INTO tickets (finding_id, sink, ticket) "
    "SELECT findings.id, ref.key, json_extract(ref.value, '$.key') "
    "FROM findings, json_each(findings.body, '$.refs') AS ref "
    "WHERE json_extract(findings.body, '$.state') <> 'resolved' "
    "AND json_extract(ref.value, '$.key') <> ''",
    "postgresql": "INSERT INTO tickets (finding_id, sink, ticket) "
    "SELECT findings.id, ref.key, ref.value ->> 'key' "
    "FROM findings, json_each(findings.body::json -> 'refs') AS ref "
    "WHERE findings.body::json ->> 'state' <> 'resolved' AND ref.value ->> 'key' <> ''",
}


def upgrade() -> None:
    for table in ("facts", "findings"):
        op.add_column(table, sa.Column("account_id", sa.String, nullable=False, server_default=""))
    op.create_table(
        "tickets",
        sa.Column("finding_id", sa.String, primary_key=True),
        sa.Column("sink", sa.String, primary_key=True),
        sa.Column("ticket", sa.String, nullable=False),
    )
    op.create_table(
        "reports",
        sa.Column("account_id", sa.String, primary_key=True),
        sa.Column("kept_at", sa.String, nullable=False),
        sa.Column("made_at", sa.String, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
    )
    _fill(op.get_bind().dialect.name)
    op.create_index("facts_of_account", "facts", ["account_id"])
    op.create_index("findings_of_account", "findings", ["account_id"])
    op.create_index("findings_on_ticket", "tickets", ["sink", "ticket"])


def _fill(dialect: str) -> None:
    for name in ("facts", "findings"):
        table = sa.table(name, sa.column("account_id"))
        op.execute(table.update().values(account_id=sa.literal_column(ACCOUNT[dialect], sa.String)))
    op.execute(TICKETS[dialect])
