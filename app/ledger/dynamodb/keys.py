"""Where what is found (docs/ledger-dynamodb.md has the table of them all)."""

from zlib import crc32

from app.ledger.dynamodb.items import Key

SHARDS = 32

FRAME = "frame"  # what every look at the ledger needs, but the accounts
CONTROL: Key = (FRAME, "control")
SNOOZES: Key = (FRAME, "snoozes")
REFUSALS: Key = (FRAME, "refusals")
BREAKERS: Key = (FRAME, "breakers")
ACCOUNTS = "accounts"
WITH_FACTS: Key = ("index", "facts")  # the ids of accounts
WITH_FINDINGS: Key = ("index", "findings")
REMEMBERED: Key = ("index", "remembered")  # of those with users or a report
STRAYS: Key = ("index", "strays")  # the ids of findings that have deliveries and no row of their own
HELD_PLANS: Key = ("waiting", "plans")
APPROVALS: Key = ("waiting", "approvals")
HOLDS: Key = ("waiting", "holds")
PICTURE: Key = ("picture", "picture")
OPEN = "open"  # the ids of deliveries that are not at their end
EVENTS, RUNS = "events", "runs"

FACTS, USERS, FINDINGS, REPORT = "facts", "users", "findings", "report"
THE_FINDING = "finding"  # the row of the finding itself, beside its deliveries


def account(account_id: str) -> str:
    return f"account/{account_id}"


def facts_of(account_id: str) -> Key:
    return account(account_id), FACTS


def users_of(account_id: str) -> Key:
    return account(account_id), USERS


def findings_of(account_id: str) -> Key:
    """The ids of its findings."""
    return account(account_id), FINDINGS


def report_of(account_id: str) -> Key:
    return f"report/{account_id}", REPORT


def state_of(account_id: str) -> Key:
    return ACCOUNTS, account_id


def finding(finding_id: str) -> Key:
    """The finding with all its deliveries."""
    return f"finding/{finding_id}", "all"


def finding_of(delivery_id: str) -> Key:
    return finding(delivery_id.partition("/")[0])


def open_of(delivery_id: str) -> Key:
    return OPEN, _shard(delivery_id.partition("/")[0])


def tickets(sink: str) -> str:
    return f"tickets/{sink}"


def ticket(sink: str, ticket: str) -> Key:
    """The ids of findings, with their tickets."""
    return tickets(sink), _shard(ticket)


def events(first: int) -> Key:
    """A page a change, by the number of its first event."""
    return EVENTS, f"{first:015}"


def runs(seq: int) -> Key:
    """A page for the runs of a hundred changes."""
    return RUNS, f"{seq // 100:013}"


def _shard(name: str) -> str:
    return f"{crc32(name.encode()) % SHARDS:02}"
