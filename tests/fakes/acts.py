"""Destructive acts for tests of guards."""

from datetime import datetime, timedelta
from typing import Any

from app.model import ACTIVE, Account, Credential, Finding, LastUsed, Verb
from app.plan.actions import Act
from app.policy.rules import Match, Rule
from tests.fakes.ledger_rows import NOW
from tests.fakes.policies import DEACTIVATE, LADDER

PROD = Account("111122223333", "prod")
SANDBOX = Account("444455556666", "sandbox")


def an_act(number: int = 0, account: Account = PROD, at: datetime = NOW, **fields: Any) -> Act:
    """The deactivation of a key of its own."""
    credential = Credential(
        account_id=account.id,
        user=f"user{number}",
        id=f"AKIA{number:016}",
        status=ACTIVE,
        created=at - timedelta(days=300),
        last_used=LastUsed.never(),
        observed_at=at,
        live=True,
        tags={},
        groups=(),
    )
    values: dict[str, Any] = {
        "verb": Verb.DEACTIVATE,
        "finding": Finding.opened(account, credential, at),
        "rule": Rule("default", Match(), LADDER),
        "stage": DEACTIVATE,
        "owner": None,
        "due_at": at,
    }
    return Act(account=account, credential=credential, **(values | fields))
