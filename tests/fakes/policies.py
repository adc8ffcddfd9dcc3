"""Policies that tests share; `LADDER` is the example of the documentation."""

from datetime import timedelta

from app.model import Do, Mode
from app.policy.rules import (
    Age,
    AnyOf,
    Inactive,
    Match,
    OwnerByMap,
    OwnerByTag,
    OwnerFallback,
    Policy,
    Require,
    Rule,
    Stage,
    Unused,
)


def days(number: float) -> timedelta:
    return timedelta(days=number)


WARN = Stage("warn", Age(days(75)), ("slack",), repeat=days(7))
TICKET = Stage("ticket", Age(days(80)), ("slack", "jira"))
FINAL = Stage("final", Age(days(87)), ("slack",), repeat=days(1))
DEACTIVATE = Stage(
    "deactivate",
    AnyOf((Age(days(90)), Unused(days(45)))),
    ("slack", "jira"),
    do=Do.DEACTIVATE,
    require=Require(2, days(7)),
)
DELETE = Stage("delete", Inactive(days(30)), ("slack", "jira"), do=Do.DELETE)
LADDER = (WARN, TICKET, FINAL, DEACTIVATE, DELETE)
OWNERS = (OwnerByTag("owner"), OwnerByMap({"ci-*": "platform@example.com"}), OwnerFallback("sec@example.com"))


def policy(*rules: Rule, mode: Mode = Mode.ENFORCE) -> Policy:
    return Policy(rules or (Rule("default", Match(), LADDER),), OWNERS, mode)


def ladder(*stages: Stage, mode: Mode = Mode.ENFORCE) -> Policy:
    return policy(Rule("default", Match(), stages), mode=mode)
