"""What is counted and shown of all credentials: taken account by account, then they are let go."""

import heapq
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import groupby

from app.model import ACTIVE, Finding, FindingState, Snooze
from app.plan.actions import Judged
from app.policy.evaluate import last_used_text
from app.sinks.snapshot import AgeHistogram, AgeKey, CountKey, FindingRow

WITHIN = {"1d": timedelta(days=1), "7d": timedelta(days=7), "30d": timedelta(days=30)}
OFF_LADDER = ("ok", "exempt", "inactive", "unknown")
DAY = timedelta(days=1)
SHOWN_FINDINGS = 5_000  # the oldest credentials' findings are shown one by one, the rest is counted
SHOWN_LEAKED = 200
SHOWN_OK = 20  # the oldest of those that nothing is asked of
Ranked = tuple[float, str, Judged, Snooze | None]


@dataclass
class Census:
    """Of one run. Its size grows with the number of accounts, not of their credentials."""

    now: datetime
    credentials: Counter[CountKey] = field(default_factory=Counter)
    ages: dict[AgeKey, AgeHistogram] = field(default_factory=dict)
    due_within: Counter[str] = field(default_factory=lambda: Counter(dict.fromkeys(WITHIN, 0)))
    calendar: Counter[date] = field(default_factory=Counter)
    exposed: set[str] = field(default_factory=set)  # uids of what AWS knows to have leaked
    findings: int = 0  # on a ladder, shown or not
    _oldest: list[Ranked] = field(default_factory=list)  # a heap
    _oldest_ok: list[Ranked] = field(default_factory=list)  # a heap
    _leaked: list[Ranked] = field(default_factory=list)  # a heap

    def add(
        self, judged: Iterable[Judged], snoozes: Mapping[str, Snooze], exposed: Collection[str] = ()
    ) -> Counter[str]:
        """Takes one account's credentials, the uids of ``exposed`` ones too; returns how many are in which
        state."""
        self.exposed.update(exposed)
        states: Counter[str] = Counter()
        ages: dict[AgeKey, list[float]] = {}
        for (account, kind), group in groupby(judged, lambda j: (j.account, j.credential.kind.value)):
            js = list(group)
            counts = Counter(j.state for j in js)
            states.update(counts)
            for state, number in counts.items():
                self.credentials[CountKey(account.id, account.label, kind, state)] += number
            old = ((self.now - j.credential.created) / DAY for j in js)
            ages.setdefault(AgeKey(account.id, account.label, kind), []).extend(old)
            for j in js:
                self._due(j.next_act_at)
                self._show(j, snoozes)
        self.ages.update((key, AgeHistogram.of(days)) for key, days in ages.items())
        return states

    def rows(self) -> tuple[FindingRow, ...]:
        """The findings to show: of the oldest credentials, oldest first."""
        return self._rows(self._oldest)

    def oldest_ok(self) -> tuple[FindingRow, ...]:
        """Credentials in the state ``ok``, oldest first: the next to come onto a ladder, often."""
        return self._rows(self._oldest_ok)

    def leaked(self) -> tuple[FindingRow, ...]:
        """The exposed ones, on a ladder or not: most keys leak long before they are due."""
        return self._rows(self._leaked)

    def _rows(self, heap: Iterable[Ranked]) -> tuple[FindingRow, ...]:
        rows = ((age, finding_row(j, snooze, uid in self.exposed)) for age, uid, j, snooze in heap)
        return tuple(row for _, row in sorted(rows, key=lambda kept: (-kept[0], kept[1].finding_id)))

    def _due(self, due: datetime | None) -> None:
        if due:
            self.due_within.update(name for name, span in WITHIN.items() if due <= self.now + span)
            self.calendar[max(due, self.now).date()] += 1

    def _show(self, j: Judged, snoozes: Mapping[str, Snooze]) -> None:
        is_open = j.finding is not None and j.finding.state is FindingState.OPEN
        uid = j.credential.uid
        ranked = (-j.credential.created.timestamp(), uid, j, snoozes.get(uid))
        if uid in self.exposed:
            _keep_oldest(self._leaked, ranked, SHOWN_LEAKED)
        if j.state not in OFF_LADDER or is_open:
            self.findings += 1
            _keep_oldest(self._oldest, ranked, SHOWN_FINDINGS)
        elif j.state == "ok" and j.credential.id:  # the report's rows have none: not shown, until read live
            _keep_oldest(self._oldest_ok, ranked, SHOWN_OK)


def _keep_oldest(heap: list[Ranked], ranked: Ranked, most: int) -> None:
    """The heap's root is its youngest, the first to go."""
    if len(heap) < most:
        heapq.heappush(heap, ranked)
    elif ranked[:2] > heap[0][:2]:
        heapq.heapreplace(heap, ranked)


def exposed_uids(judged: Iterable[Judged], users: Collection[str]) -> frozenset[str]:
    """Of the Active credentials of ``users``, whom AWS has quarantined: it does not say which one leaked."""
    mine = (j.credential for j in judged if j.credential.user in users)
    return frozenset(credential.uid for credential in mine if credential.status == ACTIVE)


def finding_row(j: Judged, snooze: Snooze | None, exposed: bool = False) -> FindingRow:
    """One finding as the page and the metrics show it."""
    decision, credential, finding = j.decision, j.credential, j.finding
    return FindingRow(
        finding_id=finding.id if finding else Finding.id_for(credential.uid),
        account_id=j.account.id,
        account=j.account.label,
        user=credential.user,
        key_tail=credential.masked,
        created=credential.created,
        rule=decision.rule.name if decision and decision.rule else "",
        state=j.state,
        owner=decision.owner.address if decision and decision.owner else "",
        last_used=last_used_text(credential.last_used, credential.observed_at),
        due_at=j.next_act_at,
        next_step=j.next_act.value if j.next_act else "",
        reason=decision.reason.text if decision else "",
        ticket=finding.ticket if finding else "",
        snoozed_until=snooze.until if snooze and snooze.until > credential.observed_at else None,
        exposed=exposed,
    )
