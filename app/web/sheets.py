"""The page's tables: which columns each has, and what it can be filtered by."""

from collections.abc import Callable, Mapping
from dataclasses import fields
from operator import attrgetter
from typing import Any

from app.model import AccountState
from app.service.snapshot import DeliveryRow, FindingRow, HeldRow, HoldRow, Snapshot
from app.web.page import FAR, worst_first
from app.web.sheet import Sheet


def _of_fields(row: type[Any]) -> dict[str, Callable[[Any], Any]]:
    return {field.name: attrgetter(field.name) for field in fields(row)}


def _due(row: FindingRow, snapshot: Snapshot) -> str:
    """The day on the calendar: what is overdue stands on the day of the picture."""
    if row.due_at is None:
        return ""
    return max(row.due_at, snapshot.taken_at or row.due_at).date().isoformat()


def _account(row: FindingRow | HeldRow | DeliveryRow) -> str:
    return f"{row.account}\n{row.account_id}"


def _status(state: AccountState) -> str:
    if state.error:
        return "failing"
    return "read" if state.last_success else "waiting"


def _accounts(snapshot: Snapshot) -> list[AccountState]:
    """Failing ones first, the longest failing of these; then those that were read longest ago."""
    return sorted(
        snapshot.accounts,
        key=lambda a: (not a.error, a.error_since or FAR, a.last_success or FAR, a.account, a.account_id),
    )


FINDINGS: Sheet[FindingRow] = Sheet(
    name="findings",
    rows=lambda snapshot: worst_first(snapshot.findings),
    columns=_of_fields(FindingRow),
    exact={
        "state": lambda row, _: row.state,
        "rule": lambda row, _: row.rule,
        "kind": lambda row, _: row.kind,
        "due": _due,
    },
    loose={"account": _account, "owner": attrgetter("owner")},
    searched=("finding_id", "user", "key_tail", "account", "account_id", "owner", "reason", "ticket", "rule"),
)
ACCOUNTS: Sheet[AccountState] = Sheet(
    name="accounts",
    rows=_accounts,
    columns={
        "account_id": attrgetter("account_id"),
        "account": attrgetter("account"),
        "status": _status,
        "last_success": attrgetter("last_success"),
        "error": attrgetter("error"),
        "error_since": attrgetter("error_since"),
        "credentials": lambda state: sum(state.counts.values()) if state.last_success else None,
        "root_keys": lambda state: state.root_keys if state.last_success else None,
        "exposed": attrgetter("exposed"),
    },
    exact={"status": lambda state, _: _status(state)},
    searched=("account", "account_id", "error"),
)
HELD: Sheet[HeldRow] = Sheet(
    name="held",
    rows=attrgetter("held_rows"),
    columns=_of_fields(HeldRow),
    exact={"guard": lambda row, _: row.guard, "act": lambda row, _: row.act},
    loose={"account": _account},
    searched=("finding_id", "user", "key_tail", "account", "account_id", "guard", "reason"),
)
HOLDS: Sheet[HoldRow] = Sheet(
    name="long-holds",
    rows=attrgetter("long_holds"),
    columns=_of_fields(HoldRow),
    searched=("finding_id", "user", "key_tail", "account", "account_id", "guard"),
)
DELIVERIES: Sheet[DeliveryRow] = Sheet(
    name="deliveries",
    rows=attrgetter("deliveries"),
    columns=_of_fields(DeliveryRow),
    exact={"sink": lambda row, _: row.sink, "state": lambda row, _: row.state},
    loose={"account": _account},
    searched=("user", "key_tail", "account", "account_id", "recipient", "why"),
)

SHEETS: Mapping[str, Sheet[Any]] = {
    sheet.name: sheet for sheet in (FINDINGS, ACCOUNTS, HELD, HOLDS, DELIVERIES)
}
