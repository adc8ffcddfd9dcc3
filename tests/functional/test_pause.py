"""A pause from a process of its own, in the middle of another's run, over one SQLite ledger."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from app.ledger.open import open_ledger
from app.model import Event, Pause
from tests.fakes.aws import FakeAws
from tests.fakes.aws_fleet import FakeAccount, FakeKey, FakeUser
from tests.fakes.jira import FakeJira
from tests.fakes.slack import FakeSlack
from tests.fakes.stage import DAY, START, Stage

ACCOUNT = "111111111111"
ACTS, NOTICES = 20, 50
WRITES = ("create", "comment", "update", "transition")
LADDER: list[dict[str, Any]] = [
    {"name": "warn", "when": {"age": "75d"}, "notify": ["jira"], "repeat": "4d"},
    {"name": "deactivate", "when": {"age": "90d"}, "do": "deactivate", "notify": ["jira"]},
]


@dataclass
class Scene:
    stage: Stage
    aws: FakeAws
    jira: FakeJira

    def pause(self) -> None:
        """As `keysteward pause` does it, but at once: an act under way waits for five seconds."""
        with closing(open_ledger(self.stage.config["ledger"])) as ledger:
            ledger.pause(Pause("ann", "an incident", START), Event(START, "ann", "paused"))

    def resume(self) -> None:
        assert self.stage.ks("resume", "--by", "ann").code == 0

    @property
    def acts(self) -> int:
        return self.aws.count(ACCOUNT, "iam:UpdateAccessKey")

    @property
    def told(self) -> int:
        return sum(len(self.jira.calls(operation)) for operation in WRITES)


def nth(call: Callable[..., Any], counts: Callable[..., bool], number: int, do: Callable[[], None]) -> Any:
    """``call``, which does something else once its n-th that ``counts`` has taken effect."""
    seen: list[None] = []

    def counted(*args: Any) -> Any:
        answer = call(*args)
        if counts(*args):
            seen.append(None)
            if len(seen) == number:
                do()
        return answer

    return counted


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """On day 7 there are 20 keys to deactivate, and 50 of which nobody has heard yet."""
    people = [f"user{n}" for n in range(ACTS + NOTICES)]
    users = [
        FakeUser(
            name,
            [FakeKey(f"AKIAEXAMPLE{n:09d}", START - (300 if n < ACTS else 69) * DAY, last_used=START)],
            tags={"owner": f"{name}@example.com"},
        )
        for n, name in enumerate(people)
    ]
    with FakeAws([FakeAccount(ACCOUNT, users)]) as aws, FakeSlack() as slack, FakeJira() as jira:
        for name in people:
            jira.add_user(f"{name}@example.com")
        stage = Stage(tmp_path, aws.url, slack, jira, [ACCOUNT])
        stage.config["rules"] = [{"name": "default", "match": {}, "stages": LADDER}]
        stage.config["sinks"] = {"jira": stage.config["sinks"]["jira"] | {"timeout": 30}}
        stage.days(0, 4)
        assert len(jira.tickets) == ACTS
        yield Scene(stage, aws, jira)


@pytest.mark.slow
def test_a_pause_in_the_middle_of_the_acts_holds_everything_behind_it(scene: Scene) -> None:
    before = scene.told
    is_act = lambda service, action, *_: action == "UpdateAccessKey"  # noqa: E731
    scene.aws.handle = nth(scene.aws.handle, is_act, 5, scene.pause)  # type: ignore[method-assign]
    done = scene.stage.day(7)
    assert done.code == 0
    assert "acts: 5 deactivate; held: 15 by pause" in done.out
    assert (scene.acts, scene.told) == (5, before)
    paused = scene.stage.day(7.2)
    assert "acts: none; held: 15 by pause" in paused.out
    assert (scene.acts, scene.told) == (5, before)
    scene.resume()
    scene.stage.day(8)
    assert scene.acts == ACTS
    assert len(scene.jira.tickets) == ACTS + NOTICES
    told = [
        sum("was deactivated" in text for text in ticket.comments) for ticket in scene.jira.tickets.values()
    ]
    assert told == [1] * ACTS + [0] * NOTICES


@pytest.mark.slow
def test_a_pause_in_the_middle_of_the_notices_holds_the_rest(scene: Scene) -> None:
    is_new = lambda request: scene.jira.operation(request) == "create"  # noqa: E731
    scene.jira.answer = nth(scene.jira.answer, is_new, 10, scene.pause)  # type: ignore[method-assign]
    done = scene.stage.day(7)
    assert done.code == 0
    assert scene.acts == ACTS
    assert len(scene.jira.tickets) == ACTS + 10
    told = scene.told
    scene.stage.day(7.2)
    assert scene.told == told
    scene.resume()
    scene.stage.day(7.4)
    assert len(scene.jira.tickets) == ACTS + NOTICES
    assert all(len(ticket.comments) == 0 for ticket in list(scene.jira.tickets.values())[ACTS:])
