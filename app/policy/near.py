"""How closely the policy needs an account to be looked at."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from app.policy.rules import Age, Inactive, Policy, Unused
from app.policy.stages import thresholds

# A credential report is up to 4 h old, and its reading is spread over a cycle: finer rungs need live reads.
FINEST_FOR_REPORT = timedelta(hours=8)
NEVER = timedelta(days=365 * 200)


@dataclass(frozen=True, slots=True)
class Need:
    """A key younger than ``near_age`` is far from every stage: its report row is enough.

    ``inactive_matters``: some ladder counts `inactive`, so the ids of inactive keys are needed.
    ``live``: a threshold or repeat is so short that a report hours old can't serve.
    """

    near_age: timedelta
    inactive_matters: bool = True
    live: bool = False


def need_of(policy: Policy, ahead: timedelta = timedelta(0)) -> Need:
    """What scanning needs; ``ahead`` widens it for looking that far into the future."""
    spans = list(_spans(policy))
    fine = any(span < FINEST_FOR_REPORT for span in [*spans, *_repeats(policy)])
    nearest = min(_climbing(policy), default=NEVER)
    return Need(max(timedelta(0), nearest - ahead), _counts_inactive(policy), fine)


def _climbing(policy: Policy) -> Iterator[timedelta]:
    """Neither age nor idleness can be due before a key is this old."""
    return (leaf.after for leaf in _leaves(policy) if isinstance(leaf, Age | Unused))


def _counts_inactive(policy: Policy) -> bool:
    return any(isinstance(leaf, Inactive) for leaf in _leaves(policy))


def _spans(policy: Policy) -> Iterator[timedelta]:
    return (leaf.after for leaf in _leaves(policy))


def _repeats(policy: Policy) -> Iterator[timedelta]:
    return (stage.repeat for rule in policy.rules for stage in rule.stages if stage.repeat)


def _leaves(policy: Policy) -> Iterator[Age | Unused | Inactive]:
    return (leaf for rule in policy.rules for stage in rule.stages for leaf in thresholds(stage.when))
