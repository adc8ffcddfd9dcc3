"""Accounts stream through: each is read, planned and written on its own, then let go."""

import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from app.accounts.interface import AccountList
from app.errors import ConflictingWrite
from app.inventory.interface import AccountMemory, Scanned
from app.ledger.interface import AccountRows, Change, Lease
from app.model import (
    Account,
    AccountState,
    Coverage,
    FindingState,
    Inventory,
    RememberedUser,
    Scan,
    ScanFailure,
)
from app.plan.actions import Judged, Plan
from app.plan.build import plan_account, plan_unread
from app.plan.context import Context
from app.plan.gather import Gathered
from app.plan.retention import unseen
from app.service.census import Census, exposed_uids
from app.service.parts import Parts
from app.service.prune import forgets_before
from app.telemetry import log_fields

log = logging.getLogger(__name__)

# AWS gives the same report for four hours: what a sweep read within them, nobody could read any newer.
RESUMED_WITHIN = timedelta(hours=4)
BATCH, BATCH_SECONDS = 50, 10.0  # accounts a transaction, and how long the first of them waits for it


class Case:
    """One account's rows, and the plan that is made of them: at most twice."""

    def __init__(self, ctx: Context, rows: AccountRows) -> None:
        self.rows = rows
        self._ctx = replace(ctx, view=ctx.view.with_rows(rows))
        self._seen: Inventory | None = None
        self._plan: Plan | None = None

    def stirred(self, inventory: Inventory) -> Collection[str]:
        """Users of whom the plan would conclude something that nobody has seen live."""
        self._seen, self._plan = inventory, plan_account(self._ctx, inventory)
        return self._plan.stirred - inventory.live_users

    def plan(self, scan: Inventory | ScanFailure) -> Plan:
        return self._plan if self._plan and scan is self._seen else plan_account(self._ctx, scan)


@dataclass
class Sweep:
    """One pass over the accounts. Without a ``lease`` nothing is written."""

    parts: Parts
    ctx: Context  # its view is a frame
    lease: Lease | None = None
    each: Callable[[Judged], None] | None = None  # hears every verdict: for commands that show them
    account: Callable[[Scan, Sequence[Judged]], None] | None = None  # the same, an account at a time
    failures: dict[str, str] = field(default_factory=dict)  # account id -> what went wrong
    warnings: list[str] = field(default_factory=list)
    fresh: int = 0  # accounts read whole
    leaks_unknown: int = 0  # accounts that were read, but not whether AWS knows of a leak, or of root keys
    gone_on_with: int = 0  # of these: from what an interrupted sweep had fetched
    retried: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.census = Census(self.ctx.now)
        half_done = _half_done(self.ctx) if self.lease else ()
        self.resumed = frozenset(account_id for account_id in half_done if self._has_report(account_id))
        self._gathered = Gathered(self.ctx.now, self.ctx.limits)
        self._forgets_before = forgets_before(self.parts, self.ctx.view)
        self._cases: dict[str, Case] = {}
        self._batch: list[tuple[Scanned, Change]] = []
        self._flushed_at = self.parts.monotonic()

    def memory(self, account_id: str) -> AccountMemory:
        """What the scanner is to know of the account before it reads it."""
        rows = self.parts.ledger.account(account_id)
        case = self._cases[account_id] = Case(self.ctx, rows)
        state = self.ctx.view.accounts.get(account_id)
        return AccountMemory(
            users=rows.users,
            statuses={facts.key_id: facts.status for facts in rows.facts.values()},
            open_keys=_open_keys(rows),
            judged_users=frozenset(facts.user for facts in rows.facts.values()),
            since=state.since if state else None,
            traits_at=state.traits_at if state else None,
            report=self.parts.ledger.kept_report(account_id) if account_id in self.resumed else None,
            stirs=case.stirred,
        )

    def take(self, scanned: Scanned) -> None:
        """Plans the account and writes what needs no look at the others. Raises `LedgerError`."""
        account, progress = scanned.scan.account, self.parts.progress
        progress.account(account.label, isinstance(scanned.scan, ScanFailure), self._is_resumed(scanned))
        if scanned.again:
            progress.again(account.label)
            self.retried.add(account.id)
            self._cases.pop(account.id, None)
            self._write(Change(users=scanned.remembered))
            return
        case = self._cases.pop(account.id, None) or Case(self.ctx, self.parts.ledger.account(account.id))
        self._note(scanned)
        change = self._written(scanned, case.plan(scanned.scan), case.rows.users)
        self._batch.append((scanned, change))
        if len(self._batch) >= BATCH or self.parts.monotonic() - self._flushed_at >= BATCH_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Writes the accounts that are waiting for it, in one transaction."""
        batch, self._batch, self._flushed_at = self._batch, [], self.parts.monotonic()
        try:
            self._write(_joined(change for _, change in batch))
        except ConflictingWrite:
            for scanned, change in batch:
                written = self._write_alone(scanned.scan.account, change)
                self.fresh -= not written and isinstance(scanned.scan, Inventory)

    def finish(self, listed: AccountList) -> Plan:
        """The fleet's plan before its guards, with what becomes of accounts that are not watched any more."""
        watched = {account.id for account in listed.accounts}
        for account_id in sorted(self.parts.ledger.accounts_with_findings() - watched):
            self._leave(account_id)
        self.flush()
        return self._gathered.plan()

    @property
    def coverage(self) -> Coverage:
        return Coverage(self.fresh, self.fresh + len(self.failures), self.gone_on_with, len(self.retried))

    # --- one account ---

    def _note(self, scanned: Scanned) -> None:
        scan = scanned.scan
        if isinstance(scan, ScanFailure):
            self.failures[scan.account.id] = f"account {scan.account.named}: {scan.reason}"
        else:
            self.fresh += 1
            resumed = self._is_resumed(scanned)  # what is gone on with was not asked again
            self.gone_on_with += resumed
            self.leaks_unknown += not scan.root_keys_known or (scan.exposed_users is None and not resumed)
            self.warnings += [f"{scan.account.label}: {text}" for text in scan.warnings]

    def _written(self, scanned: Scanned, plan: Plan, users: Mapping[str, RememberedUser]) -> Change:
        quarantined = scanned.scan.exposed_users if isinstance(scanned.scan, Inventory) else ()
        exposed = exposed_uids(plan.judged, quarantined or ())
        states = self.census.add(plan.judged, self.ctx.view.snoozes, exposed)
        if self.each:
            for judged in plan.judged:
                self.each(judged)
        if self.account:
            self.account(scanned.scan, plan.judged)
        return replace(
            self._gathered.take(plan),
            accounts=(self._state(scanned, states, len(exposed)),),
            users=scanned.remembered,
            reports=(scanned.report,) if scanned.report else (),
            forget_users=self._forgotten(scanned, users),
        )

    def _forgotten(
        self, scanned: Scanned, users: Mapping[str, RememberedUser]
    ) -> tuple[tuple[str, str], ...]:
        """Of a failed scan nobody is: who was not read may still be there."""
        if self._forgets_before is None or isinstance(scanned.scan, ScanFailure):
            return ()
        now = {user.user: user for user in scanned.remembered}
        return unseen([user for name, user in users.items() if name not in now], self._forgets_before)

    def _leave(self, account_id: str) -> None:
        rows = self.parts.ledger.account(account_id)
        ctx = replace(self.ctx, view=self.ctx.view.with_rows(rows))
        change = self._gathered.take(plan_unread(ctx, watched=False))
        label = next((finding.account for finding in rows.findings.values()), account_id)
        self._write_alone(Account(account_id, label), change)

    def _state(self, scanned: Scanned, counts: Mapping[str, int], exposed: int) -> AccountState:
        """A failed account keeps its last known counts: it never looks compliant."""
        scan, now = scanned.scan, self.ctx.now
        old = self.ctx.view.accounts.get(scan.account.id)
        if isinstance(scan, ScanFailure):
            since = old.error_since if old and old.error else now
            known = old or AccountState(scan.account.id, scan.account.label, None)
            return replace(known, account=scan.account.label, error=scan.reason, error_since=since)
        return AccountState(
            scan.account.id,
            scan.account.label,
            old.last_success if old and self._is_resumed(scanned) else now,
            counts=counts,
            root_keys=scan.root_keys,
            exposed=exposed if scan.exposed_users is not None else old.exposed if old else None,
            since=(old.since if old else None) or now,
            traits_at=scanned.traits_at or (old.traits_at if old else None),
        )

    def _is_resumed(self, scanned: Scanned) -> bool:
        whole = isinstance(scanned.scan, Inventory)
        return whole and scanned.report is None and scanned.scan.account.id in self.resumed

    def _has_report(self, account_id: str) -> bool:
        """Of the sweep that was cut short: what was read live kept none, or one of an earlier run's."""
        kept, read_at = self.parts.ledger.kept_report(account_id), self._last_success(account_id)
        return kept is not None and read_at is not None and read_at <= kept.kept_at

    def _last_success(self, account_id: str) -> datetime | None:
        state = self.ctx.view.accounts.get(account_id)
        return state.last_success if state else None

    def _write(self, change: Change) -> None:
        if self.lease:
            self.parts.ledger.apply(change, self.lease)

    def _write_alone(self, account: Account, change: Change) -> bool:
        """A command changed a finding meanwhile: that account's next run sees it, the others are written."""
        try:
            self._write(change)
        except ConflictingWrite as error:
            log.warning("account left to the next run", **log_fields(account=account.id, reason=str(error)))
            self.failures[account.id] = f"account {account.named}: {error}"
            self._gathered.forget(account.id)
            return False
        return True


def _half_done(ctx: Context) -> frozenset[str]:
    """Accounts that were read by a sweep which never came to its end."""
    last, now = ctx.view.last_run, ctx.now

    def is_kept(state: AccountState) -> bool:
        at = state.last_success
        recent = at is not None and now - RESUMED_WITHIN <= at <= now and not state.error
        return at is not None and recent and (last is None or last.at < at)

    return frozenset(state.account_id for state in ctx.view.accounts.values() if is_kept(state))


def _open_keys(rows: AccountRows) -> Mapping[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for finding in rows.findings.values():
        if finding.state is not FindingState.RESOLVED:
            found.setdefault(finding.user, set()).add(finding.key_id)
    return {user: frozenset(keys) for user, keys in found.items()}


def _joined(changes: Iterable[Change]) -> Change:
    """Several accounts' changes as one transaction."""
    changes = tuple(changes)
    return Change(
        facts=tuple(row for c in changes for row in c.facts),
        forget=tuple(uid for c in changes for uid in c.forget),
        findings=tuple(row for c in changes for row in c.findings),
        deliveries=tuple(row for c in changes for row in c.deliveries),
        events=tuple(row for c in changes for row in c.events),
        accounts=tuple(row for c in changes for row in c.accounts),
        users=tuple(row for c in changes for row in c.users),
        reports=tuple(row for c in changes for row in c.reports),
        forget_users=tuple(user for c in changes for user in c.forget_users),
    )
