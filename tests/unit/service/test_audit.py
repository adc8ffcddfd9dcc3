"""What the audit trail says of each thing that is done: by whom, why, and on what evidence."""

from datetime import timedelta
from typing import Any

import pytest

import app
from app.errors import Ambiguous, Permanent
from app.ledger.verify import verify
from app.model import Event, LastUsed, Mode, Origin
from app.policy.rules import Exemption, Match, OwnerByKeyDescription, OwnerByTag, OwnerFallback, Rule
from app.service import changes
from tests.fakes.policies import LADDER, policy
from tests.fakes.world import DAY, PROD, START, World, aged
from tests.unit.service.test_crashes import killed_inside_the_act

KEY_ID = "AKIAEXAMPLE000000001"
TAGS = {"owner": "ann@example.com", "sealed": "no", "salary": "1 €", KEY_ID: "of ann@example.com"}
RULES = (
    Rule("sealed", Match(tags={"sealed": ("yes",), "vault": ("*",)}), exemption=Exemption("sealed")),
    Rule("default", Match(), LADDER),
)


@pytest.fixture
def world() -> World:
    """One key of 300 days: told on day 0, deactivated on day 7, deleted on day 37."""
    made = World(policy(*RULES), aged(300, KEY_ID, "ann", tags=dict(TAGS), groups=("developers",)))
    owners = (OwnerByTag("owner"), OwnerByKeyDescription(), OwnerFallback("sec@example.com"))
    made.with_policy(owners=owners)
    made.key(KEY_ID).last_used = LastUsed("at", START - DAY, "s3", "eu-central-1")  # type: ignore[union-attr]
    return made


def the(world: World, what: str) -> Event:
    (found,) = [event for event in world.ledger.events() if event.what == what]
    return found


def evidence(event: Event) -> Any:
    return event.data["evidence"]


def test_a_deactivation_shows_the_live_key_as_it_was_read_and_why_it_was_due(world: World) -> None:
    world.days(*range(8))
    event = the(world, "deactivated")
    assert (event.by, event.key, event.account_id) == ("keysteward", "…0001", PROD.id)
    assert (event.data["user"], event.data["episode"]) == ("ann", 1)
    assert evidence(event)["key"] == {
        "read_at": "2026-06-08T09:00:00+00:00",
        "status": "Active",
        "created": (START - 300 * DAY).isoformat(),
        "last_used": {
            "state": "at",
            "at": (START - DAY).isoformat(),
            "service": "s3",
            "region": "eu-central-1",
        },
        "inactive_since": None,
        "path": "/",
        "groups": ["developers"],
        "tags": {"…0001": "of ann@example.com", "owner": "ann@example.com", "sealed": "no", "vault": None},
    }
    told = {name: evidence(event)[name] for name in ("rule", "stage", "owner", "owner_how")}
    assert told == {
        "rule": "default",
        "stage": "deactivate",
        "owner": "ann@example.com",
        "owner_how": "tag owner",
    }
    assert "last used 8 days ago by s3" in evidence(event)["why"]


def test_it_names_the_delivered_notices_that_met_what_was_required(world: World) -> None:
    world.days(*range(8))
    shown = evidence(the(world, "deactivated"))
    assert shown["require"] == {"notices": 2, "over": "7 days"}
    rows = {row.id: row for row in world.ledger.deliveries_of(the(world, "deactivated").finding_id)}
    for notice in shown["notices"]:
        row = rows[notice["id"]]
        assert row.settled_at
        assert row.names_date
        assert notice["delivered_at"] == row.settled_at.isoformat()
        assert (notice["to"], notice["named"]) == (row.recipient, row.names_date.isoformat())
    days = [(rows[notice["id"]].settled_at - START).days for notice in shown["notices"]]  # type: ignore[operator]
    assert days == [0, 0, 4, 6]  # the first on each sink; the next that counts; the last in the chat


def test_a_deletion_shows_the_notices_since_the_key_became_inactive(world: World) -> None:
    world.days(*range(38))
    shown = evidence(the(world, "deleted"))
    assert shown["key"]["status"] == "Inactive"
    assert shown["key"]["inactive_since"] == "2026-06-08T09:00:00+00:00"
    assert shown["require"] == {"notices": 1, "over": "7 days"}
    assert shown["notices"]
    assert all(notice["delivered_at"] >= "2026-06-08" for notice in shown["notices"])


def test_a_notice_after_a_snooze_that_an_act_waited_for_is_shown(world: World) -> None:
    world.days(*range(7))
    changes.snooze(world.parts(), KEY_ID, timedelta(days=2), "ann", "a release")
    world.days(*range(7, 14))
    until = START + 8 * DAY
    times = [notice["delivered_at"] for notice in evidence(the(world, "deactivated"))["notices"]]
    assert any(until.isoformat() <= time for time in times)


def test_an_interrupted_act_keeps_the_evidence_that_it_was_begun_on(world: World) -> None:
    world.days(*range(7))
    killed_inside_the_act(world, 7)
    world.day(8)
    event = the(world, "deactivated")
    assert "inferred" in event.detail
    assert evidence(event)["key"]["read_at"] == "2026-06-08T09:00:00+00:00"
    assert event.data["seen"] == {"read_at": "2026-06-09T09:00:00+00:00", "status": "Inactive"}


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (Permanent("iam:UpdateAccessKey is denied"), "denied (it was not carried out)"),
        (Ambiguous("timed out"), "timed out (it may have been carried out)"),
    ],
)
def test_an_act_that_fails_is_audited_with_its_evidence(world: World, error: Exception, says: str) -> None:
    world.days(*range(7))

    def fails(*_: Any) -> None:
        raise error

    world._write = fails  # type: ignore[method-assign,assignment]
    world.day(7)
    event = the(world, "act_failed")
    assert event.detail.startswith("deactivate: ")
    assert event.detail.endswith(says)
    assert evidence(event)["key"]["status"] == "Active"


def test_every_event_says_under_which_policy_mode_and_version_it_happened(world: World) -> None:
    parts = world.parts()
    world.days(*range(5))
    changes.snooze(parts, KEY_ID, timedelta(days=1), "ann", "a release")
    changes.unsnooze(parts, KEY_ID, "ann")
    changes.pause(parts, "ann", "an incident")
    changes.resume(parts, "ann")
    world.days(*range(5, 9))
    changes.restore(parts, KEY_ID, "ann", "it was needed")
    world.key(KEY_ID).status = "Inactive"  # type: ignore[union-attr]
    world.day(9)
    events = world.ledger.events()
    assert {event.origin for event in events} == {Origin("enforce", "c0ffee", app.__version__)}
    assert {"finding_opened", "deactivated", "snoozed", "unsnoozed", "paused", "resumed", "restored"} <= {
        event.what for event in events
    }
    world.with_policy(mode=Mode.NOTIFY)
    changes.pause(world.parts(), "ann", "another")
    assert world.ledger.events()[-1].origin == Origin("notify", "c0ffee", app.__version__)


def test_no_event_holds_a_full_key_id_and_the_trail_is_whole(world: World) -> None:
    world.with_policy(owners=(OwnerByKeyDescription(),))
    world.days(*range(5))
    changes.pause(world.parts(), "ann", f"see {KEY_ID}")
    changes.resume(world.parts(), "ann")
    world.days(*range(5, 40))
    assert KEY_ID not in str(world.ledger.events())
    assert verify(world.ledger).breaks == ()
    assert the(world, "deleted")


def test_each_run_logs_the_head_of_the_trail(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    world.day(0)
    head = world.ledger.chain().head
    assert head
    (record,) = [one for one in caplog.records if one.getMessage() == "run finished"]
    assert vars(record)["fields"]["audit"] == f"{head.seq} {head.hash}"
