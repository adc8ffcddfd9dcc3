"""What a report rests on: every account's results, exemptions, and what was not read. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from app.model import Account, Inventory, Scan, ScanFailure, Snooze
from app.plan.actions import Judged
from app.policy.rules import Exemption, Policy, Rule
from app.report.assess import Result, Verdict, assess
from app.report.standards import Control, Standard

UNHEARD = "the scan ended before it"


@dataclass(frozen=True, slots=True)
class Covered:
    """One account of the list. ``unread``: why it was not read; empty where it was, whole."""

    account: Account
    unread: str = ""
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Excepted:
    """A key that is exempted (``rule``) or on hold (``snooze``), and the controls that it does not pass.

    ``judged`` None: an exemption that covers no key at present.
    """

    judged: Judged | None
    rule: Rule | None = None
    snooze: Snooze | None = None
    failed: tuple[Control, ...] = ()

    @property
    def exemption(self) -> Exemption | None:
        return self.rule.exemption if self.rule else None


@dataclass
class Evidence:
    """Hears of each account once, in any order; keeps of its keys only what must be told."""

    standard: Standard
    policy: Policy
    snoozes: Mapping[str, Snooze] = field(default_factory=dict)  # by uid, ended ones too
    results: list[Result] = field(default_factory=list)
    covered: list[Covered] = field(default_factory=list)
    excepted: list[Excepted] = field(default_factory=list)
    keys: int = 0  # seen, Active or not

    def take(self, scan: Scan, judged: Sequence[Judged]) -> None:
        judged = [*judged, *_passed_over(scan, judged)]
        judged.sort(key=lambda one: (one.credential.user, one.credential.created))
        results = assess(self.standard, scan, judged)
        self.results += results
        self.keys += len(judged)
        if isinstance(scan, Inventory):
            self.covered.append(Covered(scan.account, warnings=scan.warnings))
            self._note_exceptions(results, judged, scan.taken_at)
        else:
            self.covered.append(Covered(scan.account, scan.reason))

    def close(self, listed: Sequence[Account], now: datetime) -> None:
        """Every listed account has its results from here on: one that was not heard of was not read."""
        heard = {one.account.id for one in self.covered}
        for account in listed:
            if account.id not in heard:
                self.take(ScanFailure(account, now, UNHEARD), ())
        order = {control.name: at for at, control in enumerate(self.standard.controls)}
        self.results.sort(key=lambda one: (order[one.control.name], one.account.label, one.account.id))
        self.covered.sort(key=lambda one: (one.account.label, one.account.id))
        self.excepted.sort(key=_place)
        self.excepted += self._unused_exemptions()

    @property
    def unread(self) -> tuple[Covered, ...]:
        return tuple(one for one in self.covered if one.unread)

    def tally(self) -> Mapping[str, Mapping[Verdict, int]]:
        """Accounts by verdict, for each control by its name."""
        counts = {control.name: dict.fromkeys(Verdict, 0) for control in self.standard.controls}
        for result in self.results:
            counts[result.control.name][result.verdict] += 1
        return counts

    def _note_exceptions(self, results: Sequence[Result], judged: Sequence[Judged], now: datetime) -> None:
        failed: dict[str, tuple[Control, ...]] = {}
        for finding in (one for result in results for one in result.findings):
            uid = finding.judged.credential.uid
            failed[uid] = (*failed.get(uid, ()), finding.control)
        for one in judged:
            uid = one.credential.uid
            if one.decision and one.decision.exempt:
                self.excepted.append(Excepted(one, rule=one.decision.rule, failed=failed.get(uid, ())))
            snooze = self.snoozes.get(uid)
            if snooze and snooze.until > now:
                self.excepted.append(Excepted(one, snooze=snooze, failed=failed.get(uid, ())))

    def _unused_exemptions(self) -> list[Excepted]:
        used = {one.rule.name for one in self.excepted if one.rule}
        rules = (rule for rule in self.policy.rules if rule.exemption and rule.name not in used)
        return [Excepted(None, rule=rule) for rule in rules]


def _passed_over(scan: Scan, judged: Sequence[Judged]) -> Iterator[Judged]:
    """Keys of which the plan concludes nothing yet (`is_echo`): auditors ask what AWS says now."""
    known = {one.credential.uid for one in judged}
    credentials = scan.credentials if isinstance(scan, Inventory) else ()
    return (Judged(scan.account, one, "unknown") for one in credentials if one.uid not in known)


def _place(one: Excepted) -> tuple[str, str, str]:
    account = one.judged.account if one.judged else None
    return (account.label, account.id, one.rule.name if one.rule else "") if account else ("", "", "")
