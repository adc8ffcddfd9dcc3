"""The printed policies are enough, and nothing in them is too much: whole lives under enforced IAM.

What moto doesn't enforce, the gate before it does (tests/fakes/gate.py says what). A life is every command
that asks AWS for something, through the whole ladder as far as its mode goes.
"""

import json
import logging
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from app.bootstrap import read_again
from app.cli.main import COMMANDS
from app.errors import ConfigError
from app.inventory.permissions import PolicyKind
from tests.fakes.enforced import Organization, organization, role_arn
from tests.fakes.gate import Call, Document, actions_of, allows, merged, without
from tests.fakes.life import ASK_NOTHING, Done, Life, iam_policy
from tests.fakes.reference import permissions_page
from tests.fakes.wants import ACTOR, HUB, HUB_ROLE, KINDS, printed, settings

pytestmark = pytest.mark.slow
PRINTED = {units: {kind: printed(kind, "enforce", units) for kind in KINDS} for units in (False, True)}
EXPECTED = ("report is of 2015", "plan held by the brake")
Start = Callable[..., Life]


def each_permission() -> Iterator[tuple[PolicyKind, str, bool]]:
    """Role, action, and whether it takes a config that chooses by unit to want it."""
    for kind in KINDS:
        plain, by_units = (actions_of(PRINTED[units][kind]) for units in (False, True))
        yield from ((kind, action, False) for action in sorted(plain))
        yield from ((kind, action, True) for action in sorted(by_units - plain))


@pytest.fixture
def untouched() -> Iterator[None]:
    """What commands do to their process is undone."""
    root, numbers = logging.getLogger(), (signal.SIGTERM, signal.SIGINT)
    handlers, level, signals = list(root.handlers), root.level, [signal.getsignal(n) for n in numbers]
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for number, handler in zip(numbers, signals, strict=True):
        signal.signal(number, handler)


@pytest.fixture
def org(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, untouched: None) -> Iterator[Organization]:
    with organization(monkeypatch, f"sqlite:///{tmp_path / 'ledger.db'}") as made:
        yield made


@pytest.fixture
def start(org: Organization, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Start:
    """Writes a config of that mode, prints its policies and attaches them."""

    def begin(mode: str, actor: bool = True, units: bool = False) -> Life:
        path = tmp_path / "config.yaml"
        path.write_text(yaml.safe_dump(settings(mode, actor, units)))
        monkeypatch.setenv("KEYSTEWARD_CONFIG", str(path))
        life = Life(org, mode, {kind: json.loads(iam_policy(kind).out) for kind in KINDS})
        for kind in KINDS:
            life.attach(kind, life.documents[kind])
        return life

    return begin


def made_by(life: Life, kind: PolicyKind) -> list[Call]:
    """Calls with a permission of their own: who one is, everybody may ask."""
    named = life.role(kind).rpartition("/")[2]
    calls = [call for call in life.org.gate.calls if call.role.endswith(f"/{named}")]
    return [call for call in calls if call.action != "sts:GetCallerIdentity"]


def assert_undisturbed(life: Life) -> None:
    for done in life.done:
        assert done.code == 0, (done.args, done.text)
    assert [call for call in life.org.gate.calls if call.denied] == []
    doubts = [line for line in life.lines() if "warning" in line and not any(e in line for e in EXPECTED)]
    assert doubts == []


@pytest.mark.parametrize("mode", ["observe", "notify"])
def test_a_life_below_enforce_needs_all_that_is_printed_and_no_more(start: Start, mode: str) -> None:
    life = lived(start, mode)
    assert made_by(life, "actor") == []  # its policy is printed here too


@pytest.mark.parametrize("units", [False, True], ids=["by-list", "by-tree"])
def test_a_life_in_enforce_needs_all_that_is_printed_with_every_resource(start: Start, units: bool) -> None:
    life = lived(start, "enforce", units)
    assert made_by(life, "actor")
    for kind in KINDS:
        assert_every_resource_is_needed(life, kind)
    without_aws = [asks_nothing(life, *args) for args in ASK_NOTHING]
    commands = {done.args[0] for done in (*life.done, *without_aws)}
    assert commands | {"demo", "ledger"} == set(COMMANDS)  # neither asks anything of IAM


def lived(start: Start, mode: str, units: bool = False) -> Life:
    life = start(mode, units=units)
    life.live()
    assert_undisturbed(life)
    assert life.ended_as(mode)
    for kind in KINDS if mode == "enforce" else ("hub", "spoke"):
        assert {c.action for c in made_by(life, kind)} == actions_of(life.documents[kind])
    return life


def asks_nothing(life: Life, *args: str) -> Done:
    before = len(life.org.gate.calls)
    done = Done.of(*args)
    assert (done.code, len(life.org.gate.calls)) == (0, before), done.text
    return done


@pytest.mark.parametrize("units", [False, True], ids=["by-list", "by-tree"])
def test_what_is_taken_away_here_is_what_is_printed(start: Start, units: bool) -> None:
    assert start("enforce", units=units).documents == PRINTED[units]


def assert_every_resource_is_needed(life: Life, kind: PolicyKind) -> None:
    """But of mail: SES asks for one of several identities, and nobody knows which is the verified one."""
    asked = made_by(life, kind)
    for action, resource in _pairs(life.documents[kind]):
        one = {"Statement": [{"Action": [action], "Resource": resource}]}
        needed = any(allows(one, c.action, c.resource) for c in asked)
        assert needed or action == "ses:SendRawEmail", (action, resource)


def _pairs(document: Document) -> Iterator[tuple[str, str]]:
    """Every action with every resource of its statement; roots and units are asked for by any of both."""
    for statement in document["Statement"]:
        resources = statement["Resource"]
        for resource in [resources] if isinstance(resources, str) else resources:
            yield from ((action, resource) for action in statement["Action"])


@pytest.mark.parametrize(("kind", "action", "units"), list(each_permission()))
def test_without_any_single_permission_the_service_says_which_and_whose(
    start: Start, kind: PolicyKind, action: str, units: bool
) -> None:
    life = start("enforce", units=units)
    life.attach(kind, without(life.documents[kind], action), only=True)
    told = life.live(until=lambda done: action in done.text)
    assert told, "nobody was told"
    [line, *_] = [line for line in told.text.splitlines() if action in line]
    assert ("the hub" if kind == "hub" else life.role(kind)) in line
    if permissions_page()[action].startswith("a warning"):
        assert told.code == 0
        assert "warning" in line
    else:
        assert told.code != 0 or line.startswith("warning: held: ")


def test_below_enforce_the_hub_may_assume_nobody_who_writes(start: Start) -> None:
    life = start("enforce")
    life.attach("hub", printed("hub", "notify"))
    told = life.live(until=lambda done: f"{ACTOR} is denied" in done.text)
    assert told
    assert told.code == 1
    assert f"sts:AssumeRole of {role_arn(HUB, ACTOR)} is denied" in told.text
    assert life.keys_left() == 6
    assert made_by(life, "actor") == []


def test_where_no_actor_is_named_whoever_reads_acts_with_the_actors_policy_too(start: Start) -> None:
    life = start("enforce", actor=False)
    for kind in ("hub", "spoke"):
        life.attach(kind, merged(life.documents[kind], life.documents["actor"]))
    assert "these need the actor's policy too: the role keysteward-spoke, the hub" in iam_policy("hub").err
    life.live()
    assert_undisturbed(life)
    assert life.ended_as("enforce")


def test_a_reload_asks_as_a_start_does_and_without_its_permission_says_so(start: Start) -> None:
    life = start("enforce")
    life.org.enforce()
    path, now = Path(os.environ["KEYSTEWARD_CONFIG"]), life.org.start
    running = read_again(path, os.environ, now, None)
    assert read_again(path, os.environ, now, running) == running
    life.attach("hub", without(life.documents["hub"], "secretsmanager:GetSecretValue"))
    with pytest.raises(ConfigError) as refused:
        read_again(path, os.environ, now, running)
    [line] = str(refused.value).splitlines()
    assert "grant secretsmanager:GetSecretValue to the hub" in line


def test_without_a_config_the_hub_reads_its_own_account(
    org: Organization, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KEYSTEWARD_LEDGER", f"sqlite:///{tmp_path / 'ledger.db'}")
    org.attach(role_arn(HUB, HUB_ROLE), json.loads(iam_policy("hub").out))
    org.enforce()
    for args in (
        ("scan",),
        ("scan", "--live"),
        ("plan",),
        ("owners",),
        ("explain", "ann"),
        ("run", "--once"),
    ):
        assert Done.of(*args).code == 0
    assert [call for call in org.gate.calls if call.denied] == []
