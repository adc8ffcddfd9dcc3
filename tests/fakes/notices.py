"""Notices and messages for tests of sinks."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from app.plan.notice import Notice
from app.sinks.interface import Message

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
JANE = "jane@example.com"

_NOTICE = Notice(
    finding_id="KS-ABCDEFGHIJ",
    episode=1,
    kind="warning",
    stage="final",
    occurrence=1,
    act="deactivate",
    act_at=datetime(2026, 11, 27, tzinfo=UTC),
    key_tail="…WXYZ",
    user="ci-deploy",
    account_id="111122223333",
    account="prod",
    owner=JANE,
    owner_how="tag owner",
    created=datetime(2026, 8, 20, tzinfo=UTC),
    age_days=92,
    last_used="2 h ago by s3 in eu-central-1",
    status="Active",
    rule="default",
    reason="It is 92 days old; the policy allows 90.",
    urgency="critical",
    headline="Rotate key …WXYZ of ci-deploy in prod: it will be deactivated on 27 Nov 2026",
    steps=("Create a second key", "Move the workload to it", "Delete the old key"),
)


def a_notice(**changes: Any) -> Notice:
    return replace(_NOTICE, **changes)


def a_message(*notices: Notice, **changes: Any) -> Message:
    message = Message(id="msg-1", recipient=JANE, notices=notices or (a_notice(),), now=NOW)
    return replace(message, **changes)


def many(count: int, **changes: Any) -> tuple[Notice, ...]:
    return tuple(a_notice(finding_id=f"KS-{number:010d}", **changes) for number in range(count))
