"""The tables of the SQL ledger. Each change to them is a migration in `migrations/versions/`."""

from sqlalchemy import Column, Index, Integer, LargeBinary, MetaData, String, Table, Text

HEAD = "0006"  # the newest migration: `open.py` compares it before it loads the migration machinery

metadata = MetaData()

facts = Table(
    "facts",
    metadata,
    Column("uid", String, primary_key=True),
    Column("account_id", String, nullable=False),
    Column("body", Text, nullable=False),
    Index("facts_of_account", "account_id"),
)
findings = Table(
    "findings",
    metadata,
    Column("id", String, primary_key=True),
    Column("account_id", String, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("episode", Integer, nullable=False),
    Column("body", Text, nullable=False),
    Index("findings_of_account", "account_id"),
)
tickets = Table(  # of the unresolved findings
    "tickets",
    metadata,
    Column("finding_id", String, primary_key=True),
    Column("sink", String, primary_key=True),
    Column("ticket", String, nullable=False),
    Index("findings_on_ticket", "sink", "ticket"),
)
deliveries = Table(
    "deliveries",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("id", String, nullable=False, unique=True),
    Column("finding_id", String, nullable=False),
    Column("episode", Integer, nullable=False),
    Column("state", String, nullable=False),
    Column("epoch", Integer, nullable=False),
    Column("body", Text, nullable=False),
    Column("settled_at", String),
    Index("deliveries_of_finding", "finding_id", "episode"),
    Index("deliveries_by_state", "state"),
    Index("deliveries_by_end", "settled_at"),
)
snoozes = Table(
    "snoozes", metadata, Column("uid", String, primary_key=True), Column("body", Text, nullable=False)
)
refusals = Table(
    "refusals",
    metadata,
    Column("address", String, primary_key=True),
    Column("uid", String, primary_key=True),
    Column("body", Text, nullable=False),
)
events = Table(
    "events",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=False),  # given by the chain: it has no gaps
    Column("at", String, nullable=False),
    Column("body", Text, nullable=False),
    Column("hash", String, nullable=False),
)
accounts = Table(
    "accounts", metadata, Column("account_id", String, primary_key=True), Column("body", Text, nullable=False)
)
users = Table(
    "users",
    metadata,
    Column("account_id", String, primary_key=True),
    Column("user", String, primary_key=True),
    Column("body", Text, nullable=False),
)
reports = Table(
    "reports",
    metadata,
    Column("account_id", String, primary_key=True),
    Column("kept_at", String, nullable=False),
    Column("made_at", String, nullable=False),
    Column("content", LargeBinary, nullable=False),
)
held_plans = Table(
    "held_plans", metadata, Column("id", String, primary_key=True), Column("body", Text, nullable=False)
)
approvals = Table(
    "approvals",
    metadata,
    Column("plan", String, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("body", Text, nullable=False),
)
holds = Table(
    "holds",
    metadata,
    Column("finding_id", String, primary_key=True),
    Column("guard", String, primary_key=True),
    Column("body", Text, nullable=False),
)
breakers = Table(
    "breakers", metadata, Column("sink", String, primary_key=True), Column("body", Text, nullable=False)
)
runs = Table(
    "runs",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("body", Text, nullable=False),
)
control = Table(
    "control", metadata, Column("name", String, primary_key=True), Column("value", Text, nullable=False)
)
