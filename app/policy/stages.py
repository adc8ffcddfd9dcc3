"""When each stage of a ladder falls due for one credential, and which one is current."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache

from app.model import ACTIVE, INACTIVE, Credential
from app.policy.rules import Age, AllOf, AnyOf, Inactive, Rule, Stage, Unused, When

# AWS may show a use hours late: nothing destructive relies on a last use younger than this.
# https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccessKeyLastUsed.html
USE_LAG = timedelta(hours=24)
NO_LAG = timedelta(0)
END_OF_TIME = datetime.max.replace(tzinfo=UTC)


def later(instant: datetime, by: timedelta) -> datetime:
    """``instant + by``, or the end of time where that can't be told."""
    try:
        return instant + by
    except OverflowError:
        return END_OF_TIME


def stage_due(stage: Stage, credential: Credential, inactive_since: datetime | None) -> datetime | None:
    """When ``stage`` is due if nothing changes; None: not as things stand."""
    lag = USE_LAG if stage.do else NO_LAG
    return _due(stage.when, credential, inactive_since, lag)


def _due(
    when: When, credential: Credential, inactive_since: datetime | None, lag: timedelta
) -> datetime | None:
    match when:
        case Age():
            return later(credential.created, when.after) if credential.status == ACTIVE else None
        case Unused():
            return _unused(credential, when.after, lag)
        case Inactive():
            counts = credential.status == INACTIVE and inactive_since
            return later(inactive_since, when.after) if counts and inactive_since else None
        case AnyOf():
            known = [due for c in when.conditions if (due := _due(c, credential, inactive_since, lag))]
            return min(known, default=None)
        case AllOf():
            dues = [_due(c, credential, inactive_since, lag) for c in when.conditions]
            known = [due for due in dues if due]
            return max(known) if known and len(known) == len(dues) else None


def _unused(credential: Credential, after: timedelta, lag: timedelta) -> datetime | None:
    if credential.status != ACTIVE or credential.last_used.state == "unknown":
        return None
    return later(credential.last_used.at or credential.created, after + lag)


def current_stage(
    rule: Rule, credential: Credential, inactive_since: datetime | None, now: datetime
) -> tuple[Stage, datetime] | tuple[None, None]:
    """The last listed stage whose condition holds, and since when; those it skipped are never replayed."""
    for stage in reversed(rule.stages):
        due = stage_due(stage, credential, inactive_since)
        if due is not None and due <= now:
            return stage, due
    return None, None


def thresholds(when: When) -> tuple[Age | Unused | Inactive, ...]:
    """Every simple condition inside ``when``."""
    if isinstance(when, AnyOf | AllOf):
        return tuple(leaf for condition in when.conditions for leaf in thresholds(condition))
    return (when,)


def asks_for_use(rule: Rule) -> bool:
    """Whether any stage of ``rule`` depends on the last use."""
    return any(isinstance(leaf, Unused) for stage in rule.stages for leaf in thresholds(stage.when))


@lru_cache(maxsize=256)
def condition_text(when: When) -> str:
    """``age 90 days or unused 45 days``."""
    match when:
        case Age(after):
            return f"age {span_text(after)}"
        case Unused(after):
            return f"unused {span_text(after)}"
        case Inactive(after):
            return f"inactive {span_text(after)}"
        case AnyOf(conditions):
            return " or ".join(map(condition_text, conditions))
        case AllOf(conditions):
            return " and ".join(map(condition_text, conditions))


def day_text(instant: datetime) -> str:
    """``8 Jun 2026``."""
    return f"{instant.day} {instant:%b %Y}"


def span_text(span: timedelta) -> str:
    """``90 days``, ``6 h``, ``5 min``."""
    if span >= timedelta(days=2) and not span % timedelta(days=1):
        return f"{span.days} days"
    if not span % timedelta(hours=1):
        return f"{span // timedelta(hours=1)} h"
    return f"{span.total_seconds() / 60:g} min"
