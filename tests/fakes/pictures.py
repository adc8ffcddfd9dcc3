"""Snapshots for the tests of metrics, the page and the API."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

from app.model import AccountState, Coverage, Pause, RunRecord
from app.service.snapshot import (
    AgeHistogram,
    AgeKey,
    CountKey,
    DeliveryRow,
    FindingRow,
    HeldRow,
    HoldRow,
    PlanRow,
    SinkRow,
    Snapshot,
    Sweep,
    TrailRow,
)

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
PROD, TEST = "111122223333", "444455556666"


def finding(number: int = 1, **changes: object) -> FindingRow:
    """A finding whose credential is ``100 + number`` days old."""
    facts: dict[str, object] = {
        "finding_id": f"KS-{number:010}",
        "account_id": PROD,
        "account": "prod",
        "user": "ci-deploy",
        "key_tail": "…WXYZ",
        "created": NOW - timedelta(days=100 + number),
        "rule": "default",
        "state": "final",
        "owner": "platform@example.com",
        "last_used": "2 h ago by s3",
        "due_at": NOW + timedelta(days=3),
        "next_step": "deactivate",
        "reason": "Older than 90 days.",
        "ticket": "https://example.atlassian.net/browse/SEC-7",
    }
    return FindingRow(**{**facts, **changes})  # type: ignore[arg-type]


def dead_letter(**changes: object) -> DeliveryRow:
    """A ticket that Jira refuses."""
    facts: dict[str, object] = {
        "id": "KS-0000000001/1/final/1/jira/owner",
        "sink": "jira",
        "state": "dead",
        "key_tail": "…WXYZ",
        "user": "ci-deploy",
        "account_id": PROD,
        "account": "prod",
        "stage": "final",
        "recipient": "platform@example.com",
        "attempts": 2,
        "created_at": NOW - timedelta(days=2),
        "why": "Jira: HTTP 400: Field 'team' is required",
    }
    return DeliveryRow(**{**facts, **changes})  # type: ignore[arg-type]


def sweep(**changes: object) -> Sweep:
    """Most of 10,000 accounts read, at an even pace."""
    facts: dict[str, object] = {
        "started_at": NOW - timedelta(seconds=83),
        "under_way": True,
        "phase": "reading accounts",
        "total": 10_000,
        "done": 6_812,
        "failed": 3,
        "resumed": 1_000,
        "retried": 2,
        "calls": 41_230,
        "elapsed_seconds": 83.0,
        "calls_per_second": 412.3,
        "accounts_per_second": 37.5,
        "left_seconds": 85.0,
    }
    return Sweep(**{**facts, **changes})  # type: ignore[arg-type]


def picture(text: Callable[[str], str] = str) -> Snapshot:
    """One of everything. ``text`` makes every free string, for tests of what must not get out."""
    row = finding(
        user=text("ci-deploy"), account=text("prod"), key_tail=text("…WXYZ"), rule=text("default"),
        state=text("final"), owner=text("platform@example.com"), last_used=text("2 h ago by s3"),
        reason=text("Older than 90 days."), ticket=text("SEC-7"), next_step=text("deactivate"),
    )  # fmt: skip
    return Snapshot(
        version="1.2.3",
        mode="enforce",
        taken_at=NOW,
        last_run=RunRecord(NOW - timedelta(minutes=5), NOW, "partial", coverage=Coverage(1, 2)),
        last_runs={"partial": NOW},
        next_run_at=NOW + timedelta(hours=6),
        accounts=(
            AccountState(PROD, text("prod"), NOW, root_keys=1, exposed=2),
            AccountState(TEST, text("test"), None, text("access denied"), NOW - timedelta(days=2)),
        ),
        accounts_by_outcome={"success": 1, "failed": 1},
        leaks_unknown=1,
        credentials={
            CountKey(PROD, text("prod"), "access_key", "ok"): 7,
            CountKey(PROD, text("prod"), "access_key", text("final")): 1,
        },
        ages={AgeKey(PROD, text("prod"), "access_key"): AgeHistogram.of([1, 90.5, 800])},
        findings=(row,),
        due_within={"7d": 1, "30d": 1},
        held={text("freeze"): 1},
        held_rows=(
            HeldRow(text("…WXYZ"), text("prod"), "deactivate", text("freeze"), text("Until Monday.")),
        ),
        pending={"slack": 3},
        dead={"jira": 1},
        uncopied=4,
        trail=TrailRow(NOW - timedelta(hours=2), 1_204),
        plan=PlanRow("3f2a91c04d5e", 2_000, NOW - timedelta(hours=3)),
        long_holds=(
            HoldRow(
                "KS-0000000001",
                text("…WXYZ"),
                text("ci-deploy"),
                PROD,
                text("prod"),
                text("freeze"),
                NOW - timedelta(days=9),
            ),
        ),
        long_holds_in_all=1,
        deliveries=(
            dead_letter(
                user=text("ci-deploy"),
                account=text("prod"),
                key_tail=text("…WXYZ"),
                stage=text("final"),
                recipient=text("platform@example.com"),
                why=text("HTTP 400"),
            ),
        ),
        sinks=(
            SinkRow("jira"),
            SinkRow("slack", True, NOW + timedelta(minutes=20), 7, text("Slack: HTTP 503")),
        ),
        paused=Pause(text("ops@example.com"), text("An incident."), NOW),
        leader=True,
        calendar={date(2026, 11, 23): 1},
        sweep=sweep(phase=text("reading accounts")),
    )
