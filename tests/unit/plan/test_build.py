"""What a plan concludes from how a credential was read."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from app.model import Account, Credential, Inventory, LastUsed
from app.plan.build import build_plan
from app.plan.context import Context
from app.policy.rules import Exemption, Match, Rule
from tests.fakes.policies import LADDER, days, policy

NOW = datetime(2026, 6, 1, 9, 0, tzinfo=UTC)
PROD = Account("111122223333", "prod")
SEALED = Rule("sealed", Match(tags={"sealed": ("yes",)}), exemption=Exemption("sealed"))
CTX = Context(NOW, policy(SEALED, Rule("default", Match(), LADDER)))
YOUNG = Credential(
    account_id=PROD.id,
    user="ann",
    id="AKIAEXAMPLE000000001",
    status="Active",
    created=NOW - days(5),
    last_used=LastUsed.unknown("not read: far from every stage"),
    observed_at=NOW,
    live=True,
)


@pytest.mark.parametrize(
    ("credential", "state"),
    [
        (YOUNG, "ok"),
        (replace(YOUNG, live=False, id=None), "ok"),
        (replace(YOUNG, status="Inactive"), "inactive"),
        (replace(YOUNG, tags={}, groups=()), "ok"),
        (replace(YOUNG, tags={"sealed": "yes"}, groups=()), "exempt"),
        (replace(YOUNG, unreadable="iam:ListUserTags is denied"), "unknown"),
    ],
)
def test_what_was_not_asked_for_is_another_thing_than_what_cannot_be_read(
    credential: Credential, state: str
) -> None:
    plan = build_plan(CTX, [Inventory(PROD, NOW, (credential,), frozenset({"ann"}))])
    assert [j.state for j in plan.judged] == [state]
    assert bool(plan.held) == (state == "unknown")
    assert not plan.send
