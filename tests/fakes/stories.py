"""Stories of findings for the tests of the page, and a picture with many findings."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from app.errors import LedgerError
from app.model import (
    AccountState,
    Caller,
    Delivery,
    DeliveryState,
    Event,
    Facts,
    Finding,
    FindingState,
    Verb,
)
from app.plan.rungs import Rung
from app.service.dossier import Dossier
from app.service.snapshot import AgeHistogram, AgeKey, CountKey, Snapshot
from tests.fakes.pictures import NOW, PROD, finding, picture

ID = "KS-0000000001"
FULL_ID = "AKIAEXAMPLE000000001"


class OneStory:
    """`Dossiers` that knows one finding; or raises."""

    def __init__(self, dossier: Dossier | None = None, fault: str = "") -> None:
        self.dossier, self.fault = dossier, fault

    def of(self, finding_id: str) -> Dossier | None:
        if self.fault:
            raise LedgerError(self.fault)
        known = self.dossier and self.dossier.finding.id == finding_id
        return self.dossier if known else None


EVIDENCE = {
    "owner": "ann@example.com",
    "owner_how": "tag owner",
    "key": {
        "read_at": "2026-11-20T11:59:00+00:00",
        "status": "Active",
        "last_used": {"state": "at", "at": "2026-11-19T08:00:00+00:00", "service": "s3"},
    },
    "require": {"notices": 2, "over": "7 days"},
    "notices": [{"to": "ann@example.com", "delivered_at": "2026-11-12T12:00:00+00:00", "named": None}],
}


def dossier(**changes: Any) -> Dossier:
    """A finding that was told of once and then deactivated."""
    uid = f"{PROD}/{FULL_ID}"
    told = Finding(
        id=ID, uid=uid, account_id=PROD, account="prod", user="ci-deploy", key_id=FULL_ID,
        state=FindingState.OPEN, episode=2, opened_at=NOW - timedelta(days=9), rule="default",
        stage="final", owner="ann@example.com", reason="Older than 87 days.",
    )  # fmt: skip
    delivery = Delivery(
        ID, 2, "final", 1, "slack", Verb.NOTIFY, DeliveryState.DELIVERED, NOW - timedelta(days=8),
        recipient="ann@example.com", names_date=NOW + timedelta(days=3), settled_at=NOW - timedelta(days=8),
    )  # fmt: skip
    event = Event(
        NOW, "keysteward", "deactivated", PROD, ID, "…0001", f"By rule, {FULL_ID}", {"evidence": EVIDENCE}
    )
    facts: dict[str, Any] = {
        "finding": told,
        "facts": Facts(uid, PROD, "ci-deploy", FULL_ID, NOW - timedelta(days=101), NOW, "Active"),
        "rungs": (
            Rung("warn", "age 75 days", NOW - timedelta(days=26), ""),
            Rung("final", "age 87 days", NOW - timedelta(days=14), "current"),
            Rung("deactivate", "age 90 days", NOW, "earliest 23 Nov 2026; 1 of 2 required notices delivered"),
            Rung("delete", "inactive 30 days", None, ""),
        ),
        "deliveries": (delivery,),
        "callers": (Caller("198.51.100.7", "aws-cli/2.15", "s3", "eu-central-1", 42, NOW),),
        "advice": "It looks like a CI job.",
        "events": (event,),
    }
    return Dossier(**{**facts, **changes})


def crowd(size: int) -> Snapshot:
    """``size`` findings, every third at its last notice; and what else a large company has."""
    rows = tuple(
        finding(
            n,
            key_tail=f"…{n:04}",
            user=f"user-{n:05}",
            owner=f"a-rather-long-name.of-somebody-{n}@subsidiary.example.com",
            state="warn" if n % 3 else "final",
            due_at=NOW + timedelta(days=n % 30),
        )
        for n in range(size)
    )
    states = {
        "ok": 20 * size,
        "exempt": size // 9,
        "unknown": 3,
        "warn": size - size // 3,
        "final": size // 3,
    }
    accounts = tuple(AccountState(f"{n:012}", f"team-{n}", NOW, counts={"ok": n}) for n in range(200))
    base = picture()
    return replace(
        base,
        findings=rows,
        findings_in_all=size,
        stages=("warn", "final"),
        credentials={CountKey(PROD, "prod", "access_key", s): n for s, n in states.items()},
        ages={AgeKey(PROD, "prod", "access_key"): AgeHistogram.of(n % 800 for n in range(20 * size))},
        accounts=base.accounts + accounts,
        calendar={(NOW + timedelta(days=n)).date(): n * n + 1 for n in range(60)},
        held_rows=base.held_rows * 120,
    )
