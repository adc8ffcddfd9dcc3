"""Which notices count, what is still missing, and the day that a notice names."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app.model import Delivery, DeliveryState, Do, Verb
from app.plan.require import Told, earliest, missing
from app.policy.rules import Inactive, Require, Stage
from tests.fakes.policies import DEACTIVATE, DELETE, days

NOW = datetime(2026, 6, 30, 9, 0, tzinfo=UTC)
ANN = "ann@example.com"


def told(days_ago: float, **changes: object) -> Delivery:
    """A counted notice to the present owner, delivered so many days ago, naming yesterday."""
    at = NOW - days(days_ago)
    row = Delivery(
        finding_id="KS-1",
        episode=1,
        stage="final",
        occurrence=int(days_ago * 100),
        sink="slack",
        verb=Verb.NOTIFY,
        state=DeliveryState.DELIVERED,
        created_at=at,
        recipient=ANN,
        names_date=NOW - days(1),
        enforced=True,
        counts=True,
        settled_at=at,
    )
    return replace(row, **changes)  # type: ignore[arg-type]


def history(*rows: Delivery, **more: object) -> Told:
    return Told(rows, frozenset({ANN, "sec@example.com"}), ANN, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("rows", "code"),
    [
        ((), "notices"),
        ((told(10),), "notices"),
        ((told(10), told(5)), None),
        ((told(7), told(3.5)), None),
        ((told(7), told(3.6)), "notices"),
        ((told(6.9), told(1)), "notices"),
        ((told(10), told(5, state=DeliveryState.FAILED)), "notices"),
        ((told(10), told(5, state=DeliveryState.AMBIGUOUS)), "notices"),
        ((told(10), told(5, state=DeliveryState.DEAD)), "notices"),
        ((told(10), told(5, enforced=False)), "notices"),
        ((told(10), told(5, counts=False)), "notices"),
        ((told(10), told(5, names_date=None)), "notices"),
        ((told(10), told(5, verb=Verb.RESOLVE)), "notices"),
        ((told(10), told(5, names_date=NOW + days(1))), "promised"),
        ((told(10), told(5), told(1, names_date=NOW + days(2), state=DeliveryState.AMBIGUOUS)), "promised"),
        ((told(10), told(5, recipient="bob@example.com")), "owner_changed"),
        ((told(10, recipient="bob@example.com"), told(5)), None),
        ((told(10), told(5, recipient="#iam-keys", route="fallback")), None),
        ((told(10), told(5, recipient="bob@example.com", sink="jira")), None),
        (
            (
                told(10, sink="jira", recipient="sec@example.com"),
                told(9, recipient="bob@example.com"),
                told(5, recipient="bob@example.com"),
            ),
            "owner_changed",
        ),
    ],
)
def test_what_is_missing_before_a_deactivation(rows: tuple[Delivery, ...], code: str | None) -> None:
    reason = missing(DEACTIVATE, history(*rows), NOW)
    assert (reason.code if reason else None) == code


def test_a_delete_needs_one_notice_since_the_key_became_inactive_seven_days_before() -> None:
    since = NOW - days(31)
    assert missing(DELETE, history(told(40), told(35), since=since), NOW) is not None
    assert missing(DELETE, history(told(40), told(6), since=since), NOW) is not None
    assert missing(DELETE, history(told(40), told(7), since=since), NOW) is None


def test_a_deletes_own_notice_is_a_law_that_no_require_lowers() -> None:
    hasty = Stage(
        "delete", Inactive(days(30)), ("slack",), do=Do.DELETE, require=Require(1, timedelta(minutes=1))
    )
    assert missing(hasty, history(told(1)), NOW) is not None


def test_after_a_snooze_a_new_notice_precedes_the_act_by_a_day() -> None:
    old = (told(20), told(15))
    ended = NOW - days(2)
    assert missing(DEACTIVATE, history(*old, fresh_after=ended), NOW) is not None
    assert missing(DEACTIVATE, history(*old, told(0.9), fresh_after=ended), NOW) is not None
    assert missing(DEACTIVATE, history(*old, told(1), fresh_after=ended), NOW) is None


@pytest.mark.parametrize(
    ("due", "rows", "named"),
    [
        (None, (), None),
        (NOW - days(200), (), NOW + days(7)),
        (NOW + days(15), (), NOW + days(15)),
        (NOW, (told(10),), NOW),
        (NOW, (told(5),), NOW + days(2)),
        (NOW, (told(5, names_date=NOW + days(9)),), NOW + days(9)),
        (NOW, (told(10, enforced=False),), NOW + days(7)),
    ],
)
def test_the_day_that_a_notice_names(
    due: datetime | None, rows: tuple[Delivery, ...], named: datetime | None
) -> None:
    assert earliest(DEACTIVATE, due, history(*rows), NOW) == named
