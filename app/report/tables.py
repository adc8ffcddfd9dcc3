"""The rows of the pack's CSV files, as plain values: no full key id is among them. Pure."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from app.errors import LedgerError
from app.ledger.chain import Sealed
from app.model import ACTIVE, mask
from app.policy.evaluate import lapsed, last_used_text
from app.report.assess import KeyFinding, Result, Verdict
from app.report.evidence import Evidence, Excepted
from app.report.standards import NoRootKey

CONTROLS = (
    "standard",
    "control",
    "ids",
    "title",
    "threshold",
    "account_id",
    "account",
    "verdict",
    "reason",
    "active_keys",
    "failing",
    "failing_by_exception",
    "not_judged",
    "not_looked_at",
)
FINDINGS = (
    "control",
    "ids",
    "account_id",
    "account",
    "user",
    "key",
    "status",
    "created",
    "age_days",
    "last_used",
    "verdict",
    "reason",
    "rule",
    "owner",
    "finding_id",
)
EXEMPTIONS = (
    "kind",
    "rule",
    "reason",
    "approved_by",
    "until",
    "state",
    "account_id",
    "account",
    "user",
    "key",
    "controls_not_passed",
)
HISTORY = (
    "seq",
    "at",
    "by",
    "what",
    "account_id",
    "key",
    "finding_id",
    "detail",
    "mode",
    "policy",
    "version",
    "hash",
)
Row = Mapping[str, Any]


def controls(evidence: Evidence) -> Iterator[Row]:
    for one in evidence.results:
        yield _control(evidence.standard.key, one)


def _control(standard: str, one: Result) -> Row:
    counts = {verdict: sum(f.verdict is verdict for f in one.findings) for verdict in Verdict}
    return {
        "standard": standard,
        "control": one.control.name,
        "ids": one.control.ids_text,
        "title": one.control.title,
        "threshold": one.control.threshold,
        "account_id": one.account.id,
        "account": one.account.label,
        "verdict": one.verdict.value,
        "reason": one.reason,
        "active_keys": one.keys,
        "failing": counts[Verdict.FAIL],
        "failing_by_exception": counts[Verdict.EXCEPTION],
        "not_judged": counts[Verdict.NOT_ASSESSED],
        "not_looked_at": one.control.unseen,
    }


def findings(evidence: Evidence, now: datetime) -> Iterator[Row]:
    for result in evidence.results:
        yield from (finding(one, now) for one in result.findings)
        if isinstance(result.control.check, NoRootKey) and result.verdict is Verdict.FAIL:
            yield _of_root(result)


def _of_root(result: Result) -> Row:
    """The credential report tells of the root user's keys only that they are there."""
    return dict.fromkeys(FINDINGS, "") | {
        "control": result.control.name,
        "ids": result.control.ids_text,
        "account_id": result.account.id,
        "account": result.account.label,
        "user": "root user",
        "key": mask(None),
        "status": ACTIVE,
        "verdict": result.verdict.value,
        "reason": result.reason,
    }


def finding(one: KeyFinding, now: datetime) -> Row:
    credential, decision = one.judged.credential, one.judged.decision
    return {
        "control": one.control.name,
        "ids": one.control.ids_text,
        "account_id": one.judged.account.id,
        "account": one.judged.account.label,
        "user": credential.user,
        "key": credential.masked,
        "status": credential.status,
        "created": credential.created,
        "age_days": (now - credential.created).days,
        "last_used": last_used_text(credential.last_used, now),
        "verdict": one.verdict.value,
        "reason": one.reason,
        "rule": decision.rule.name if decision and decision.rule else "",
        "owner": decision.owner.address if decision and decision.owner else "",
        "finding_id": one.judged.finding.id if one.judged.finding else "",
    }


def exemptions(evidence: Evidence, now: datetime) -> Iterator[Row]:
    return (exemption(one, now) for one in evidence.excepted)


def exemption(one: Excepted, now: datetime) -> Row:
    credential = one.judged.credential if one.judged else None
    account = one.judged.account if one.judged else None
    return {
        **(_snooze(one) if one.snooze else _exemption(one, now)),
        "account_id": account.id if account else "",
        "account": account.label if account else "",
        "user": credential.user if credential else "",
        "key": credential.masked if credential else "",
        "controls_not_passed": ", ".join(control.name for control in one.failed),
    }


def _snooze(one: Excepted) -> Row:
    assert one.snooze  # noqa: S101 - asked by the caller
    told = {"reason": one.snooze.reason, "approved_by": one.snooze.by, "until": one.snooze.until}
    return {"kind": "snooze", "rule": "", "state": "on hold: no exception", **told}


def _exemption(one: Excepted, now: datetime) -> Row:
    known, rule = one.exemption, one.rule
    assert known and rule  # noqa: S101, PT018 - what is no snooze has a rule that exempts
    return {
        "kind": "exemption",
        "rule": rule.name,
        "reason": known.reason,
        "approved_by": known.approved_by,
        "until": known.until or "without end",
        "state": "lapsed" if lapsed(rule, now) else _state(one),
    }


def _state(one: Excepted) -> str:
    if one.judged is None:
        return "covers no key"
    return "in force" if one.judged.credential.status == ACTIVE else "in force: the key is not active"


def event(one: Sealed) -> Row:
    """One event of the audit trail as it was sealed. Of an altered one, as much as can be read."""
    record = _read(one)
    found = record.get("origin")
    origin = found if isinstance(found, Mapping) else {}
    values = {name: record.get(name, "") for name in HISTORY}
    told = {name: origin.get(name, "") for name in ("mode", "policy", "version")}
    return values | told | {"seq": one.seq, "at": one.at, "hash": one.hash}


def _read(one: Sealed) -> Mapping[str, Any]:
    try:
        return one.record()
    except LedgerError:
        return {"what": "unreadable"}
