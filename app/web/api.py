"""The page's facts as JSON: snake_case, times in ISO 8601 UTC, masked keys only."""

import json
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import date
from typing import Any

from app.service.snapshot import Snapshot
from app.web.charts import states
from app.web.page import worst_first


def dumps(value: object) -> str:
    return json.dumps(value, default=_plain, ensure_ascii=False)


def summary(snapshot: Snapshot) -> dict[str, Any]:
    return {
        "version": snapshot.version,
        "mode": snapshot.mode,
        "as_of": snapshot.taken_at,
        "started_at": snapshot.started_at,
        "leader": snapshot.leader,
        "paused": snapshot.paused,
        "ledger_fault": snapshot.ledger_fault,
        "config_reload_ok": snapshot.config_reload_ok,
        "config_loaded_at": snapshot.config_loaded_at,
        "config_faults": snapshot.config_faults,
        "last_run": snapshot.last_run,
        "last_runs": snapshot.last_runs,
        "next_run_at": snapshot.next_run_at,
        "accounts": snapshot.accounts_by_outcome,
        "sweep": snapshot.sweep,
        "credentials": dict(states(snapshot)),
        "exposed": snapshot.exposed,
        "due_within": snapshot.due_within,
        "calendar": {day.isoformat(): number for day, number in sorted(snapshot.calendar.items())},
        "held": snapshot.held,
        "plan": snapshot.plan,
        "long_holds": snapshot.long_holds_in_all,
        "audit": {"trail": snapshot.trail, "uncopied": snapshot.uncopied},
        "deliveries_pending": snapshot.pending,
        "deliveries_dead": snapshot.dead,
        "sinks": snapshot.sinks,
    }


def findings(snapshot: Snapshot) -> dict[str, Any]:
    """Every finding, worst first, and every leaked key, which need not be on a ladder."""
    return {
        "as_of": snapshot.taken_at,
        "findings": worst_first(snapshot.findings),
        "leaked": snapshot.leaked,
    }


def accounts(snapshot: Snapshot) -> dict[str, Any]:
    return {"as_of": snapshot.taken_at, "accounts": snapshot.accounts}


def deliveries(snapshot: Snapshot) -> dict[str, Any]:
    """What waits and what was given up: the first 200, dead ones first."""
    return {"as_of": snapshot.taken_at, "deliveries": snapshot.deliveries}


def held(snapshot: Snapshot) -> dict[str, Any]:
    """What was held, and what has been for over a week: the first 200 of it, the longest first."""
    return {"as_of": snapshot.taken_at, "held": snapshot.held_rows, "long_holds": snapshot.long_holds}


PARTS: Mapping[str, Callable[[Snapshot], dict[str, Any]]] = {
    "summary": summary,
    "findings": findings,
    "accounts": accounts,
    "held": held,
    "deliveries": deliveries,
}


def _plain(value: object) -> object:
    if isinstance(value, date):  # a datetime too
        return value.isoformat()
    if isinstance(value, Mapping):
        return dict(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    raise TypeError(f"{type(value).__name__} has no JSON form")
