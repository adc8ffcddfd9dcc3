"""The reference ledger: what the contract means, in dicts. For tests and for runs that may forget."""

import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from app.errors import ConflictingWrite, LedgerError, Paused, StaleLease
from app.ledger import rows
from app.ledger.chain import Ends, Sealed, seal, stamp
from app.ledger.claims import CLAIMABLE, claimed, requeued
from app.ledger.interface import AccountRows, Change, Lease, LedgerView, lent
from app.ledger.moving import CODECS, NOT_EMPTY, PARTS, Dump, Row, change_of
from app.model import (
    UNDELIVERED,
    AccountState,
    Breaker,
    CopyMark,
    Delivery,
    DeliveryState,
    Event,
    Facts,
    Finding,
    FindingState,
    KeptReport,
    Pause,
    Refusal,
    RememberedUser,
    RunRecord,
    Snooze,
)
from app.plan.kept import Approval, HeldPlan, Hold, Trial
from app.plan.record import Refusals
from app.plan.retention import forgettable, is_over

T = TypeVar("T")


class MemoryLedger:
    """`Ledger` in memory. Thread-safe; gone with the process."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._lease = threading.Lock()
        self._epoch = 0
        self._facts: dict[str, Facts] = {}
        self._findings: dict[str, Finding] = {}
        self._deliveries: dict[str, Delivery] = {}
        self._snoozes: dict[str, Snooze] = {}
        self._refusals: dict[tuple[str, str], Refusal] = {}
        self._accounts: dict[str, AccountState] = {}
        self._users: dict[tuple[str, str], RememberedUser] = {}
        self._reports: dict[str, KeptReport] = {}
        self._sealed: list[Sealed] = []
        self._chain = Ends()
        self._copies: dict[str, CopyMark] = {}
        self._held_plans: dict[str, HeldPlan] = {}
        self._approvals: dict[tuple[str, int], Approval] = {}
        self._holds: dict[tuple[str, str], Hold] = {}
        self._canary: Trial | None = None
        self._breakers: dict[str, Breaker] = {}
        self._runs: list[RunRecord] = []
        self._pause: Pause | None = None
        self._rehearsal: datetime | None = None
        self._picture: bytes | None = None

    def view(self) -> LedgerView:
        with self._lock:
            return replace(
                self.frame(),
                facts=dict(self._facts),
                findings={f.uid: f for f in self._findings.values()},
                deliveries=self._present_deliveries(),
            )

    def frame(self) -> LedgerView:
        with self._lock:
            return LedgerView(
                snoozes=dict(self._snoozes),
                refusals=Refusals(self._refusals.values()),
                accounts=dict(self._accounts),
                breakers=dict(self._breakers),
                last_run=self._runs[-1] if self._runs else None,
                pause=self._pause,
                canary=self._canary,
            )

    def account(self, account_id: str) -> AccountRows:
        with self._lock:
            findings = {f.uid: f for f in self._findings.values() if f.account_id == account_id}
            deliveries = self._present_deliveries()
            return AccountRows(
                facts={f.uid: f for f in self._facts.values() if f.account_id == account_id},
                findings=findings,
                deliveries={f.id: deliveries[f.id] for f in findings.values() if f.id in deliveries},
                users={user: known for (owner, user), known in self._users.items() if owner == account_id},
            )

    def accounts_with_findings(self) -> frozenset[str]:
        with self._lock:
            return frozenset(f.account_id for f in self._findings.values())

    def search(self, wanted: Callable[[Facts], bool]) -> Sequence[Facts]:
        with self._lock:
            return [facts for facts in self._facts.values() if wanted(facts)]

    def finding(self, finding_id: str) -> Finding | None:
        with self._lock:
            return self._findings.get(finding_id)

    def on_ticket(self, sink: str, ticket: str) -> Sequence[Finding]:
        found = (finding for finding, key in self._tickets(sink) if key == ticket)
        return sorted(found, key=lambda finding: finding.id)

    def has_tickets(self, sink: str) -> bool:
        return bool(self._tickets(sink))

    def _tickets(self, sink: str) -> list[tuple[Finding, str]]:
        with self._lock:
            known = [f for f in self._findings.values() if f.state is not FindingState.RESOLVED]
        return [(f, key) for f in known if (key := f.refs.get(sink, {}).get("key"))]

    def kept_report(self, account_id: str) -> KeptReport | None:
        with self._lock:
            return self._reports.get(account_id)

    def held_plans(self) -> Sequence[HeldPlan]:
        with self._lock:
            return _by_key(self._held_plans)

    def approvals(self) -> Sequence[Approval]:
        with self._lock:
            return _by_key(self._approvals)

    def holds(self) -> Sequence[Hold]:
        with self._lock:
            return _by_key(self._holds)

    def _present_deliveries(self) -> dict[str, list[Delivery]]:
        found: dict[str, list[Delivery]] = {}
        for row in self._deliveries.values():
            finding = self._findings.get(row.finding_id)
            if finding and finding.episode == row.episode:
                found.setdefault(row.finding_id, []).append(row)
        return found

    def apply(self, change: Change, lease: Lease | None = None) -> None:
        with self._lock:
            self._check(lease)
            for finding in change.findings:
                stored = self._findings.get(finding.id)
                if (stored.revision if stored else 0) != finding.revision:
                    raise ConflictingWrite(f"finding {finding.id} was changed meanwhile")
            self._write(change)

    def _write(self, change: Change) -> None:
        self._facts.update((f.uid, f) for f in change.facts)
        for uid in change.forget:
            self._facts.pop(uid, None)
        self._findings.update((f.id, replace(f, revision=f.revision + 1)) for f in change.findings)
        self._deliveries.update((d.id, d) for d in change.deliveries)
        self._snoozes.update((s.uid, s) for s in change.snoozes)
        self._refusals.update(((r.address, r.uid), r) for r in change.refusals)
        self._accounts.update((a.account_id, a) for a in change.accounts)
        self._users.update(((u.account_id, u.user), u) for u in change.users)
        self._reports.update((r.account_id, r) for r in change.reports)
        self._seal(change.events)
        self._copies.update((c.target, c) for c in change.copies)
        self._write_waiting(change)
        self._breakers.update((b.sink, b) for b in change.breakers)
        if change.run:
            self._runs.append(change.run)
        self._forget_rows(change)

    def _forget_rows(self, change: Change) -> None:
        for account_id in change.forget_accounts:
            self._forget_account(account_id)
        for user in change.forget_users:
            self._users.pop(user, None)
        for uid in change.forget_snoozes:
            self._snoozes.pop(uid, None)
        for refusal in change.forget_refusals:
            self._refusals.pop(refusal, None)

    def _forget_account(self, account_id: str) -> None:
        for finding in [f for f in self._findings.values() if f.account_id == account_id]:
            self._forget(finding)
            self._holds = {key: hold for key, hold in self._holds.items() if key[0] != finding.id}
        self._accounts.pop(account_id, None)
        self._reports.pop(account_id, None)
        mine = f"{account_id}/"
        self._facts = {uid: f for uid, f in self._facts.items() if f.account_id != account_id}
        self._users = {key: user for key, user in self._users.items() if key[0] != account_id}
        self._snoozes = {uid: s for uid, s in self._snoozes.items() if not uid.startswith(mine)}
        self._refusals = {key: r for key, r in self._refusals.items() if not r.uid.startswith(mine)}

    def _write_waiting(self, change: Change) -> None:
        self._held_plans.update((p.id, p) for p in change.held_plans)
        self._approvals.update(((a.plan, a.number), a) for a in change.approvals)
        for plan in change.forget_plans:
            self._held_plans.pop(plan, None)
        self._approvals = {k: a for k, a in self._approvals.items() if a.plan not in change.forget_plans}
        self._holds.update(((h.finding_id, h.guard), h) for h in change.holds)
        for key in change.forget_holds:
            self._holds.pop(key, None)
        self._canary = change.canary or self._canary

    def claim(self, ids: Iterable[str], message_id: str, lease: Lease) -> tuple[Delivery, ...]:
        with self._lock:
            self._check(lease)
            if self._pause:
                raise Paused(f"paused by {self._pause.by}: {self._pause.reason}")
            return tuple(row for i in ids if (row := self._claim_one(i, message_id, lease)))

    def _claim_one(self, delivery_id: str, message_id: str, lease: Lease) -> Delivery | None:
        row = self._deliveries.get(delivery_id)
        if row is None or row.state not in CLAIMABLE:
            return None
        taken = self._deliveries[delivery_id] = claimed(row, message_id, lease)
        return replace(taken, state=row.state)

    def requeue(self, events: Mapping[str, Event], at: datetime) -> tuple[Delivery, ...]:
        with self._lock:
            found = [row for i in events if (row := self._deliveries.get(i))]
            back = tuple(requeued(row, at) for row in found if row.state is DeliveryState.DEAD)
            self._deliveries.update((row.id, row) for row in back)
            self._seal(events[row.id] for row in back)
            return back

    def prune(self, before: datetime, lease: Lease) -> Mapping[str, int]:
        with self._lock:
            self._check(lease)
            rows = [
                row
                for i in {d.finding_id for d in self._deliveries.values()}
                for row in forgettable(self._findings.get(i), self.deliveries_of(i), before)
            ]
            gone = [f for f in self._findings.values() if self._is_over(f, before)]
            runs = [run for run in self._runs[:-1] if run.at >= before] + self._runs[-1:]
            counts = {"deliveries": len(rows), "findings": len(gone), "runs": len(self._runs) - len(runs)}
            self._runs = runs
            for row in rows:
                del self._deliveries[row.id]
            for finding in gone:
                self._forget(finding)
            return counts

    def _is_over(self, finding: Finding, before: datetime) -> bool:
        return finding.uid not in self._facts and is_over(finding, self.deliveries_of(finding.id), before)

    def _forget(self, finding: Finding) -> None:
        del self._findings[finding.id]
        self._snoozes.pop(finding.uid, None)
        kept = self._deliveries.items()
        self._deliveries = {i: row for i, row in kept if row.finding_id != finding.id}
        self._refusals = {key: r for key, r in self._refusals.items() if r.uid != finding.uid}

    def _check(self, lease: Lease | None) -> None:
        if lease and lease.epoch != self._epoch:
            raise StaleLease("another replica has taken over: nothing was written")

    def abandoned(self, lease: Lease) -> tuple[Delivery, ...]:
        taken = (d for d in self._all() if d.state is DeliveryState.CLAIMED)
        return tuple(d for d in taken if d.epoch < lease.epoch)

    def delivery(self, delivery_id: str) -> Delivery | None:
        with self._lock:
            return self._deliveries.get(delivery_id)

    def deliveries_of(self, finding_id: str) -> Sequence[Delivery]:
        return [d for d in self._all() if d.finding_id == finding_id]

    def undelivered(self) -> Sequence[Delivery]:
        return [d for d in self._all() if d.state in UNDELIVERED or d.state is DeliveryState.DEAD]

    def _all(self) -> list[Delivery]:
        with self._lock:
            return list(self._deliveries.values())

    def events(self, since: datetime | None = None) -> Sequence[Event]:
        with self._lock:
            found = [one for one in self._sealed if since is None or one.at >= stamp(since)]
        return [rows.EVENT.load(one.body) for one in found]

    def sealed(self, since_seq: int | None = None) -> Iterator[Sealed]:
        with self._lock:
            found = [one for one in self._sealed if since_seq is None or one.seq >= since_seq]
        yield from found

    def chain(self) -> Ends:
        return self._chain

    def copied(self, target: str) -> CopyMark:
        return self._copies.get(target, CopyMark(target))

    def _seal(self, events: Iterable[Event]) -> None:
        happened, head = list(events), self._chain.head
        if not happened:
            return
        if head is None:
            raise LedgerError("the audit trail has lost its head")
        self._sealed += seal(happened, head)
        self._chain = replace(self._chain, head=self._sealed[-1].link)

    def approve(self, approval: Approval, event: Event) -> bool:
        with self._lock:
            key = (approval.plan, approval.number)
            if key in self._approvals:
                return False
            self._approvals[key] = approval
            self._seal((event,))
            return True

    def pause(self, pause: Pause | None, event: Event) -> None:
        with self._lock:
            self._pause = pause
            self._seal([event])

    def paused(self) -> Pause | None:
        return self._pause

    def rehearsal(self) -> datetime | None:
        return self._rehearsal

    def mark_rehearsal(self, at: datetime) -> None:
        with self._lock:
            if self._rehearsal is None and self._runs:
                raise LedgerError("this ledger belongs to normal runs: a rehearsal needs a ledger of its own")
            self._rehearsal = self._rehearsal or at

    def keep_picture(self, body: bytes) -> None:
        self._picture = body

    def picture(self) -> bytes | None:
        return self._picture

    @contextmanager
    def dump(self) -> Iterator[Dump]:
        with self._lock:
            kept = self._kept()
            rows = [Row(kind, value) for kind in CODECS for value in kept[kind]]
        yield Dump(dict(Counter(row.kind for row in rows)), iter(rows))

    def _kept(self) -> Mapping[str, Iterable[Any]]:
        """What there is to move, by kind."""
        return {
            "epoch": [self._epoch] if self._epoch else [],
            "rehearsal": [self._rehearsal] if self._rehearsal else [],
            "pause": [self._pause] if self._pause else [],
            "canary": [self._canary] if self._canary else [],
            "accounts": _by_key(self._accounts),
            "users": _by_key(self._users),
            "reports": _by_key(self._reports),
            "facts": _by_key(self._facts),
            "findings": _by_key(self._findings),
            "deliveries": self._deliveries.values(),
            "snoozes": _by_key(self._snoozes),
            "refusals": _by_key(self._refusals),
            "held_plans": _by_key(self._held_plans),
            "approvals": _by_key(self._approvals),
            "holds": _by_key(self._holds),
            "breakers": _by_key(self._breakers),
            "runs": self._runs,
            "copies": _by_key(self._copies),
            "events": self._sealed,
            "chain": [self._chain] if self._chain != Ends() else [],
        }

    def fill(self, rows: Iterable[Row]) -> None:
        values: defaultdict[str, list[Any]] = defaultdict(list)
        for row in rows:
            values[row.kind].append(row.value)
        with self._lock:
            if any(self._kept().values()):
                raise LedgerError(NOT_EMPTY)
            for kind in PARTS:
                self._write(change_of(kind, values[kind]))
            self._findings = {f.id: f for f in values["findings"]}
            self._runs, self._sealed = values["runs"], values["events"]
            (self._epoch,) = values["epoch"] or [0]
            (self._rehearsal,) = values["rehearsal"] or [None]
            (self._pause,) = values["pause"] or [None]
            (self._canary,) = values["canary"] or [None]
            (self._chain,) = values["chain"] or [Ends()]

    @contextmanager
    def lease(self, holder: str, wait: timedelta) -> Iterator[Lease | None]:
        if not self._lease.acquire(timeout=max(0.0, wait.total_seconds())):
            yield None
            return
        try:
            with self._lock:
                self._epoch += 1
                epoch = self._epoch
            with lent(epoch) as lease:
                yield lease
        finally:
            self._lease.release()

    def held(self) -> bool:
        return self._lease.locked()

    def orphaned(self) -> bool:
        return False  # its holder's death is its own

    def close(self) -> None:
        """Nothing to close."""


def _by_key(rows: Mapping[Any, T]) -> list[T]:
    return [row for _, row in sorted(rows.items())]
