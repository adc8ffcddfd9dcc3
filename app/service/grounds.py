"""What an act rests on, for the audit trail: the live key as it was read, and the notices before it."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from app.model import Credential, Delivery
from app.plan.require import required
from app.policy.evaluate import Decision
from app.policy.rules import OwnerByKeyDescription, OwnerByTag, Policy, Stage
from app.policy.stages import span_text


def grounds_of(
    policy: Policy,
    fresh: Credential,
    decision: Decision,
    stage: Stage,
    inactive_since: datetime | None,
    notices: Sequence[Delivery],
) -> Mapping[str, Any]:
    """Plain data. ``notices`` are those that met the stage's `require`."""
    require = required(stage)
    return {
        "rule": decision.rule.name if decision.rule else None,
        "stage": stage.name,
        "why": decision.reason.text,
        "owner": decision.owner.address if decision.owner else None,
        "owner_how": decision.owner.how if decision.owner else None,
        "key": _key(policy, fresh, inactive_since),
        "require": {"notices": require.notices, "over": span_text(require.over)},
        "notices": [_notice(row) for row in notices],
    }


def _key(policy: Policy, fresh: Credential, inactive_since: datetime | None) -> dict[str, Any]:
    return {
        "read_at": _text(fresh.observed_at),
        "status": fresh.status,
        "created": _text(fresh.created),
        "last_used": {
            "state": fresh.last_used.state,
            "at": _text(fresh.last_used.at),
            "service": fresh.last_used.service,
            "region": fresh.last_used.region,
        },
        "inactive_since": _text(inactive_since),
        "path": fresh.user_path,
        "groups": list(fresh.groups or ()),
        "tags": {key: (fresh.tags or {}).get(key) for key in sorted(_asked(policy, fresh))},
    }


def _asked(policy: Policy, fresh: Credential) -> Iterable[str]:
    """The tags that the policy looks at, those that aren't there too: people keep all sorts in the others."""
    asked = {key for rule in policy.rules for key in rule.match.tags}
    asked |= {source.key for source in policy.owners if isinstance(source, OwnerByTag)}
    if any(isinstance(source, OwnerByKeyDescription) for source in policy.owners):
        asked.add(fresh.id or "")
    return asked


def _notice(row: Delivery) -> dict[str, Any]:
    return {
        "id": row.id,
        "to": row.recipient,
        "delivered_at": _text(row.settled_at),
        "named": _text(row.names_date),
    }


def _text(instant: datetime | None) -> str | None:
    return instant.isoformat() if instant else None
