"""Rows for ledgers, short to write where a test needs few fields, and whole where it needs them all."""

import zlib
from datetime import UTC, datetime, timedelta
from typing import Any

from app.model import (
    INACTIVE,
    AccountState,
    Breaker,
    CopyMark,
    Coverage,
    Delivery,
    DeliveryState,
    Event,
    Facts,
    Finding,
    FindingState,
    KeptReport,
    LastUsed,
    Mode,
    Origin,
    Pause,
    Refusal,
    RememberedKey,
    RememberedUser,
    RunRecord,
    Snooze,
    Verb,
)
from app.plan.kept import Approval, HeldPlan, Hold, PlannedAct, Trial
from app.plan.record import Change

NOW = datetime(2026, 6, 1, 9, 30, 15, 123456, tzinfo=UTC)
DAY = timedelta(days=1)
ACCOUNT = "111122223333"
KEY_ID = "AKIA" + "LEDGERTESTROWS7X"
UID = f"{ACCOUNT}/{KEY_ID}"


def a_uid(number: int) -> str:
    return f"{ACCOUNT}/AKIA{number:016}"


def facts(uid: str = UID, **fields: Any) -> Facts:
    values = {"account_id": ACCOUNT, "user": "jane", "created": NOW - 80 * DAY, "first_seen": NOW}
    return Facts(**{"uid": uid, "key_id": uid.partition("/")[2], "status": "Active", **values, **fields})


def finding(uid: str = UID, **fields: Any) -> Finding:
    values: dict[str, Any] = {
        "id": Finding.id_for(uid),
        "uid": uid,
        "account_id": ACCOUNT,
        "account": "prod",
        "user": "jane",
        "key_id": uid.partition("/")[2],
        "state": FindingState.OPEN,
        "episode": 1,
        "opened_at": NOW,
        "rule": "default",
        "stage": "warn",
        "owner": "jane@example.com",
        "reason": "80 days old",
    }
    return Finding(**(values | fields))


def delivery(uid: str = UID, state: DeliveryState = DeliveryState.PENDING, **fields: Any) -> Delivery:
    values: dict[str, Any] = {
        "finding_id": Finding.id_for(uid),
        "episode": 1,
        "stage": "warn",
        "occurrence": 1,
        "sink": "slack",
        "verb": Verb.NOTIFY,
        "state": state,
        "created_at": NOW,
    }
    return Delivery(**(values | fields))


def event(what: str = "noticed", at: datetime = NOW, **fields: Any) -> Event:
    values: dict[str, Any] = {"at": at, "by": "keysteward", "what": what}
    return Event(**(values | fields))


def run(at: datetime = NOW, **fields: Any) -> RunRecord:
    return RunRecord(at, at + timedelta(seconds=9), "success", **fields)


def held_plan(name: str = "3f2a91c04d5e", *uids: str, **fields: Any) -> HeldPlan:
    """A plan of which only the beginning of the id matters."""
    acts = tuple(PlannedAct(Verb.DEACTIVATE, uid, "default", "prod", "jane") for uid in uids or (UID,))
    values: dict[str, Any] = {"config_hash": "c0ffee", "acts": acts, "held_at": NOW, "last_held_at": NOW}
    return HeldPlan(**({"id": name.ljust(64, "0")} | values | fields))


def approval(plan: str = "3f2a91c04d5e", **fields: Any) -> Approval:
    values: dict[str, Any] = {"plan": plan.ljust(64, "0"), "number": 1, "at": NOW, "until": NOW + DAY}
    return Approval(**(values | {"by": "ann@example.com", "reason": "it is right"} | fields))


PAUSE = Pause("ops@example.com", "an incident", NOW)

WHOLE = Change(
    facts=(
        facts(
            status=INACTIVE,
            inactive_since=NOW - DAY,
            deactivated_at=NOW - DAY,
            exempt=True,
            last_used=LastUsed("at", NOW - 2 * DAY, "s3", "eu-central-1", "said by nobody"),
        ),
    ),
    findings=(
        finding(
            due_at=NOW + 7 * DAY,
            resolved_at=NOW + DAY,
            fresh_after=NOW - DAY,
            refs={"jira": {"key": "SEC-1"}, "slack": {"channel": "C1", "ts": "1.2"}},
            mode=Mode.ENFORCE,
        ),
    ),
    deliveries=(
        delivery(
            state=DeliveryState.DELIVERED,
            route="fallback",
            recipient="jane@example.com",
            names_date=NOW + 7 * DAY,
            enforced=True,
            counts=True,
            message_id="m-1",
            attempts=2,
            next_attempt_at=NOW + DAY,
            settled_at=NOW,
            requeued_at=NOW - DAY,
            epoch=3,
            receipt={"ts": "1.2"},
            error="timed out at first",
            payload={
                "headline": "Rotate key …WS7X — now",
                "steps": ["a", "b"],
                "age_days": 80,
                "act_at": None,
            },
        ),
    ),
    snoozes=(Snooze(UID, NOW + 7 * DAY, "jane@example.com", "a release", NOW, 2, NOW - DAY),),
    refusals=(Refusal("joe@example.com", UID, NOW, "joe@example.com", "not mine"),),
    events=(
        event(
            account_id=ACCOUNT,
            finding_id=Finding.id_for(UID),
            key="…WS7X",
            detail="a note",
            data={"stages": ["warn"], "number": 1},
            origin=Origin("enforce", "c0ffee", "1.2.3"),
        ),
    ),
    accounts=(
        AccountState(
            ACCOUNT, "prod", NOW - DAY, "AccessDenied", NOW, {"ok": 7, "warn": 1}, 1, 2, NOW - DAY, NOW
        ),
    ),
    users=(
        RememberedUser(
            ACCOUNT,
            "jane",
            NOW,
            (RememberedKey(KEY_ID, NOW - 80 * DAY, "Active", NOW - DAY),),
            {"owner": "jane@example.com"},
            ("developers",),
        ),
    ),
    reports=(KeptReport(ACCOUNT, NOW, NOW - DAY, zlib.compress(b"user,arn")),),
    copies=(CopyMark("s3://audit/keysteward/", 7, 9),),
    held_plans=(held_plan(told={"slack": NOW}),),
    approvals=(approval(used=(UID,)),),
    holds=(Hold(Finding.id_for(UID), "freeze", NOW - 9 * DAY, {"slack": NOW}),),
    canary=Trial("c0ffee", NOW - DAY, NOW, (UID,), NOW, "was taken back", NOW + DAY),
    breakers=(Breaker("slack", 7, 2, NOW - DAY, NOW, "HTTP 500", told=True),),
    run=run(
        accounts={"ok": 1},
        held={"brake": 2},
        config_hash="c0ffee",
        mode="enforce",
        coverage=Coverage(9_998, 10_000, resumed=7_000, retried=31),
    ),
)
"""One row of each type, with no optional field left at its default (but a new finding's revision)."""
