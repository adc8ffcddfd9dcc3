"""The last run's picture as the ledger keeps it: a standby shows it, and a service that has just started."""

import logging
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import date, datetime

from pydantic import TypeAdapter, ValidationError

from app.ledger.interface import LedgerView
from app.sinks.snapshot import AgeHistogram, AgeKey, CountKey, FindingRow, HeldRow, Snapshot

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Kept:
    """What only the run itself knew of a `Snapshot`, in shapes that JSON has."""

    taken_at: datetime | None
    stages: tuple[str, ...]
    last_runs: Mapping[str, datetime]
    accounts_by_outcome: Mapping[str, int]
    credentials: tuple[tuple[CountKey, int], ...]
    ages: tuple[tuple[AgeKey, AgeHistogram], ...]
    findings: tuple[FindingRow, ...]
    findings_in_all: int
    due_within: Mapping[str, int]
    held: Mapping[str, int]
    held_rows: tuple[HeldRow, ...]
    calendar: Mapping[date, int]
    oldest_ok: tuple[FindingRow, ...] = ()  # an earlier release's picture has none
    leaked: tuple[FindingRow, ...] = ()  # nor these
    leaks_unknown: int = 0
    watched: tuple[str, ...] = ()  # the ids of the accounts that were listed


TABLES = ("credentials", "ages")  # mappings whose keys are more than text
SHARED = tuple(field.name for field in fields(Kept) if field.name != "watched")
_KEPT: TypeAdapter[Kept] = TypeAdapter(Kept)


def keep(snapshot: Snapshot) -> bytes:
    values = {name: getattr(snapshot, name) for name in SHARED}
    tables = {name: tuple(values[name].items()) for name in TABLES}
    watched = tuple(account.account_id for account in snapshot.accounts)
    return zlib.compress(_KEPT.dump_json(Kept(**{**values, **tables, "watched": watched})), 1)


def shown(body: bytes | None, view: LedgerView, last: Snapshot) -> Snapshot:
    """``last`` with what is kept. Of another release's picture that can't be read, nothing is shown."""
    kept = _read(body) if body else None
    base = replace(last, last_run=view.last_run, paused=view.pause, leader=False)
    if kept is None:
        return _recorded(replace(base, accounts=tuple(view.accounts.values())))
    values = {name: getattr(kept, name) for name in SHARED}
    tables = {name: dict(values[name]) for name in TABLES}
    watched = frozenset(kept.watched)
    accounts = tuple(state for id_, state in view.accounts.items() if id_ in watched)
    return replace(base, **{**values, **tables, "accounts": accounts})


def _recorded(base: Snapshot) -> Snapshot:
    """With what the run's record has: else an upgraded service would seem never to have scanned."""
    run = base.last_run
    if run is None:
        return base
    ended: dict[str, datetime] = {run.outcome: run.finished_at}
    return replace(base, last_runs=ended, accounts_by_outcome=run.accounts, held=run.held)


def _read(body: bytes) -> Kept | None:
    try:
        return _KEPT.validate_json(zlib.decompress(body))
    except (ValidationError, zlib.error):
        log.warning("the last picture can't be read: the next run makes a new one")
        return None
