"""Whether an account meets each control of a standard. Pure; what is not known never passes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from app.model import ACTIVE, EXPIRED, INACTIVE, Account, Credential, Inventory, Scan, ScanFailure
from app.plan.actions import Judged
from app.policy.evaluate import describe, last_used_text
from app.report.standards import Check, Control, NoRootKey, OneActiveKey, Rotated, Standard, Unused


class Verdict(StrEnum):
    """``EXCEPTION``: it fails, and everything that fails is exempted by the policy. Never a pass."""

    PASS = "pass"  # noqa: S105 - a verdict
    FAIL = "fail"
    EXCEPTION = "fail_with_exception"
    NOT_ASSESSED = "not_assessed"


@dataclass(frozen=True, slots=True)
class KeyFinding:
    """A key that does not pass a control."""

    control: Control
    judged: Judged
    verdict: Verdict
    reason: str


@dataclass(frozen=True, slots=True)
class Result:
    """One control in one account. ``keys``: its Active ones; 0 where it was not read."""

    control: Control
    account: Account
    verdict: Verdict
    reason: str
    keys: int = 0
    findings: tuple[KeyFinding, ...] = ()


@dataclass(frozen=True, slots=True)
class _Doubt:
    """Of one key: why it fails, or (``certain`` False) why it can't be told."""

    judged: Judged
    reason: str
    certain: bool = True


def assess(standard: Standard, scan: Scan, judged: Sequence[Judged]) -> tuple[Result, ...]:
    """One result a control, as of the scan. ``judged`` are the credentials of the very inventory ``scan``."""
    return tuple(_result(control, scan, judged) for control in standard.controls)


def _result(control: Control, scan: Scan, judged: Sequence[Judged]) -> Result:
    if isinstance(scan, ScanFailure):
        return Result(control, scan.account, Verdict.NOT_ASSESSED, f"The account was not read: {scan.reason}")
    keys = sum(one.credential.status == ACTIVE for one in judged)
    if isinstance(control.check, NoRootKey):
        verdict, reason = _root(scan)
        return Result(control, scan.account, verdict, reason, keys)
    findings = tuple(_finding(control, doubt) for doubt in _doubts(control.check, judged, scan.taken_at))
    return Result(control, scan.account, _worst(findings), _text(findings, keys), keys, findings)


def _root(scan: Inventory) -> tuple[Verdict, str]:
    if not scan.root_keys_known:
        return Verdict.NOT_ASSESSED, "Whether the root user has access keys could not be read"
    if scan.root_keys:
        return Verdict.FAIL, f"The root user has {_many(scan.root_keys, 'active access key')}"
    return Verdict.PASS, "The root user has no active access key"


def _finding(control: Control, doubt: _Doubt) -> KeyFinding:
    decision = doubt.judged.decision
    exempt = decision is not None and decision.exempt
    failed = Verdict.EXCEPTION if exempt else Verdict.FAIL
    return KeyFinding(control, doubt.judged, failed if doubt.certain else Verdict.NOT_ASSESSED, doubt.reason)


def _worst(findings: Sequence[KeyFinding]) -> Verdict:
    found = {one.verdict for one in findings}
    order = (Verdict.FAIL, Verdict.NOT_ASSESSED, Verdict.EXCEPTION)
    return next((verdict for verdict in order if verdict in found), Verdict.PASS)


def _text(findings: Sequence[KeyFinding], keys: int) -> str:
    """``Of 12 active keys: 3 failing, 1 failing by exception``."""
    if not findings:
        return f"{_many(keys, 'active key')}, none fails" if keys else "No active key"
    said = {
        Verdict.FAIL: "failing",
        Verdict.EXCEPTION: "failing by exception",
        Verdict.NOT_ASSESSED: "not to be judged",
    }
    counts = {verdict: sum(one.verdict is verdict for one in findings) for verdict in said}
    told = ", ".join(f"{number} {said[verdict]}" for verdict, number in counts.items() if number)
    return f"Of {_many(keys, 'active key')}: {told}"


def _many(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


# --- single keys ---


def _doubts(check: Check, judged: Sequence[Judged], now: datetime) -> Iterator[_Doubt]:
    active = [one for one in judged if one.credential.status == ACTIVE]
    strange = [one for one in judged if one.credential.status not in (ACTIVE, INACTIVE, EXPIRED)]
    for one in strange:
        yield _Doubt(one, f"AWS gives its status as {one.credential.status!r}", certain=False)
    if isinstance(check, OneActiveKey):
        yield from _second_keys(active)
    for one in active:
        why = _answer(check, one.credential, now)
        if why:
            yield _Doubt(one, *why)


def _answer(check: Check, credential: Credential, now: datetime) -> tuple[str, bool] | None:
    """Why the key does not pass, and whether that is certain."""
    match check:
        case Rotated(days):
            return _rotated(credential, timedelta(days), now)
        case Unused(days, at_limit):
            return _unused(credential, timedelta(days), at_limit, now)
        case _:
            return None


def _rotated(credential: Credential, limit: timedelta, now: datetime) -> tuple[str, bool] | None:
    if now - credential.created > limit:
        return _said(credential, now), True
    return _unsure_of_creation(credential)


def _unused(
    credential: Credential, limit: timedelta, at_limit: bool, now: datetime
) -> tuple[str, bool] | None:
    """A key of which nobody knows the last use never passes, however young it is."""
    if credential.last_used.state == "unknown":
        return f"Its last use is {last_used_text(credential.last_used, now)}", False
    idle = now - (credential.last_used.at or credential.created)
    if idle > limit or (at_limit and idle == limit):
        return _said(credential, now), True
    return None if credential.last_used.at else _unsure_of_creation(credential)


def _said(credential: Credential, now: datetime) -> str:
    text = describe(credential, now)
    return text[:1].upper() + text[1:]


def _unsure_of_creation(credential: Credential) -> tuple[str, bool] | None:
    """A row of the credential report shows the latest possible creation: enough to fail."""
    return None if credential.id else ("Its true date of creation was not read", False)


def _second_keys(active: Sequence[Judged]) -> Iterator[_Doubt]:
    by_user: dict[str, list[Judged]] = {}
    for one in active:
        by_user.setdefault(one.credential.user, []).append(one)
    for keys in by_user.values():
        if len(keys) > 1:
            yield from (_Doubt(one, f"Its user has {len(keys)} active keys") for one in keys)
