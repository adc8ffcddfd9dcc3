"""What a reload makes anew, and what goes on: sinks, sessions with AWS, who listens for presses."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.bootstrap import Service, connect
from app.cli.ears import Ears
from app.cli.reload import ConfigSource, Renewal, renewed
from app.clock import FixedClock
from app.config.load import load_config
from app.config.schema import Config
from app.errors import ConfigError, PausedMeanwhile
from app.ledger.memory import MemoryLedger
from app.model import Event, Mode, Pause
from app.plan.limits import Canary
from app.service.snapshot import Snapshot, SnapshotHolder
from app.sinks.presses import Answer, Button, Handler, Listening, Press, Presser
from app.sinks.prometheus.collector import SnapshotCollector
from tests.fakes.notices import a_message
from tests.fakes.receiver import FakeReceiver
from tests.fakes.world import START, Inbox

PRESS = Press(Button.ROTATED, "KS-AAAAAAAAAA", 1, Presser("slack:U1", "ann@example.com"))
SLACK = {"type": "slack", "channel": "#iam-keys", "token": "xoxb-first"}
JIRA = {"type": "jira", "server": "https://jira.example.com", "project": "SEC", "token": "a-token"}


def written(folder: Path, **changes: Any) -> Path:
    file = folder / "config.yaml"
    wanted = {"mode": "notify", "sinks": {"slack": SLACK, "jira": JIRA}, **changes}
    file.write_text(yaml.safe_dump(wanted))
    return file


def a_config(folder: Path, **changes: Any) -> Config:
    return load_config(written(folder, **changes), {})


@pytest.fixture
def service(tmp_path: Path) -> Service:
    """As it runs under the first config."""
    config = a_config(tmp_path)
    sessions, stop = connect(config.scan)
    bare = Service(config, FixedClock(START), sessions, MemoryLedger(), {}, stop=stop)
    return renewed(bare, config)


# --- the service ---------------------------------------------------------------------------------------


def test_an_edit_of_the_policy_touches_neither_sinks_nor_sessions(service: Service, tmp_path: Path) -> None:
    new = renewed(service, a_config(tmp_path, mode="enforce"))
    assert new.parts().policy.mode is Mode.ENFORCE
    assert new.sinks == service.sinks
    assert all(new.sinks[name] is sink for name, sink in service.sinks.items())
    assert new.sessions is service.sessions
    for same in ("ledger", "counters", "stop", "clock", "contacts", "pulse"):
        assert getattr(new, same) is getattr(service, same)


def test_the_key_that_mail_is_sent_with_is_the_services_own(service: Service, tmp_path: Path) -> None:
    mail = {"type": "email", "from": "keys@example.com", "host": "smtp.example.com", "username": "AKIAMAIL"}
    new = renewed(service, a_config(tmp_path, sinks={"mail": {**mail, "password": "secret"}}))
    assert new.parts().own_keys == {"AKIAMAIL"}
    assert service.parts().own_keys == frozenset()


def test_only_the_sink_whose_settings_changed_is_made_anew(service: Service, tmp_path: Path) -> None:
    changed = {"slack": {**SLACK, "token": "xoxb-second"}, "jira": JIRA}
    new = renewed(service, a_config(tmp_path, sinks=changed))
    assert new.sinks["slack"] is not service.sinks["slack"]
    assert new.sinks["jira"] is service.sinks["jira"]


def test_with_texts_of_their_own_all_sinks_are_made_anew(service: Service, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    new = renewed(service, a_config(tmp_path, templates="mine"))
    assert not any(new.sinks[name] is sink for name, sink in service.sinks.items())


def test_the_copy_of_the_audit_trail_the_guards_and_the_hash_are_those_of_the_new_config(
    service: Service, tmp_path: Path
) -> None:
    assert service.parts().archive is None
    to_s3 = {"s3": {"bucket": "example-audit", "prefix": "ks/"}}
    canary = {"accounts": ["sandbox"], "quiet": "2d"}
    parts = renewed(service, a_config(tmp_path, audit=to_s3, guards={"canary": canary})).parts()
    assert parts.archive
    assert parts.archive.target == "s3://example-audit/ks/"
    assert parts.limits.canary == Canary(("sandbox",), timedelta(days=2))
    assert parts.config_hash != service.parts().config_hash
    assert parts.roll is service.parts().roll
    assert renewed(service, a_config(tmp_path, audit=to_s3)).parts().config_hash == service.config.hash


def test_in_observe_nobody_is_left_to_tell_and_afterwards_everybody_is_back(
    service: Service, tmp_path: Path
) -> None:
    observing = renewed(service, a_config(tmp_path, mode="observe"))
    assert observing.sinks == {}
    assert set(renewed(observing, a_config(tmp_path)).sinks) == {"slack", "jira"}


def test_another_budget_of_calls_needs_other_sessions_which_go_on_counting(
    service: Service, tmp_path: Path
) -> None:
    new = renewed(service, a_config(tmp_path, scan={"concurrency": 7}))
    assert new.sessions is not service.sessions
    assert new.sessions.limits.connections == 7
    assert new.sessions.calls is service.sessions.calls
    assert new.sessions.pace.stop is service.stop


def test_a_sink_without_its_secret_refuses_the_whole_and_changes_nothing(
    service: Service, tmp_path: Path
) -> None:
    before = dict(service.sinks)
    bare = {name: value for name, value in SLACK.items() if name != "token"}
    with pytest.raises(ConfigError, match="token"):
        renewed(service, a_config(tmp_path, sinks={"slack": bare, "jira": JIRA}))
    assert service.sinks == before


def test_a_sink_that_was_made_anew_obeys_the_pause_too(service: Service, tmp_path: Path) -> None:
    with FakeReceiver() as receiver:
        hook = {"type": "webhook", "url": receiver.url}
        new = renewed(service, a_config(tmp_path, sinks={"hook": hook}))
        new.ledger.pause(Pause("ann", "an incident", START), Event(START, "ann", "paused"))
        with pytest.raises(PausedMeanwhile):
            new.sinks["hook"].send(a_message())
        assert receiver.received == []


# --- what comes into force with it ---------------------------------------------------------------------


@pytest.fixture
def renewal(service: Service, tmp_path: Path) -> Iterator[Renewal]:
    holder, ears = SnapshotHolder(Snapshot(mode="notify")), Ears()
    collector = SnapshotCollector(holder.get, service.counters)
    yield Renewal(service, ConfigSource(tmp_path / "config.yaml", {}, ""), holder, collector, ears)
    ears.close()


def test_nothing_is_in_force_before_it_is_entered(renewal: Renewal, tmp_path: Path) -> None:
    first = renewal.service
    a_config(tmp_path, mode="enforce", metrics={"user_label": True}, schedule={"every": "1h"})
    setup = renewal.load()
    assert renewal.service is first
    assert renewal.holder.get().mode == "notify"
    setup.enter()
    assert renewal.service.parts().policy.mode is Mode.ENFORCE
    assert renewal.holder.get().mode == "enforce"
    assert renewal.collector.user_label
    assert setup.schedule.every.total_seconds() == 3600
    [event] = first.ledger.events()
    assert (event.what, event.detail) == ("config_reloaded", f"hash {renewal.service.config.hash[:12]}")


def test_a_template_that_fails_refuses_the_whole_with_its_line(renewal: Renewal, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "headline.j2").write_text("{{ no_such_thing }}")
    first = renewal.service
    written(tmp_path, mode="enforce", templates="mine")
    with pytest.raises(ConfigError, match=r"headline\.j2:1"):
        renewal.load()
    assert renewal.service is first


def test_a_sink_that_goes_is_closed_and_one_that_stays_is_not(renewal: Renewal, tmp_path: Path) -> None:
    closed = []

    class Hanging(Inbox):
        def close(self) -> None:
            closed.append(self.name)

    renewal.service.sinks = {"slack": Hanging("slack"), "jira": Hanging("jira")}
    a_config(tmp_path, sinks={"slack": {**SLACK, "token": "xoxb-second"}, "jira": JIRA})
    renewal.load().enter()
    assert closed == ["slack"]


# --- who listens ---------------------------------------------------------------------------------------


@dataclass
class Ear:
    answers: Handler
    closed: bool = False

    def close(self) -> None:
        self.closed = True


@dataclass
class Talking(Inbox):
    """A sink that can be answered."""

    ears: list[Ear] = field(default_factory=list)

    def listen(self, handler: Handler) -> Listening | None:
        self.ears.append(Ear(handler))
        return self.ears[-1]


def says(text: str) -> Handler:
    return lambda press: Answer(text)


def test_a_sink_that_stays_keeps_its_ear_and_answers_by_the_new_config() -> None:
    ears, sink = Ears(), Talking()
    ears.attend({"slack": sink}, says("by the old"))
    ears.attend({"slack": sink}, says("by the new"))
    [ear] = sink.ears
    assert not ear.closed
    assert ear.answers(PRESS).text == "by the new"


def test_another_sink_gets_an_ear_and_the_old_ones_is_closed() -> None:
    ears, old, new = Ears(), Talking(), Talking()
    ears.attend({"slack": old}, says("a"))
    ears.attend({"slack": new}, says("b"))
    assert [ear.closed for ear in (*old.ears, *new.ears)] == [True, False]
    ears.attend({}, says("c"))
    assert new.ears[0].closed


def test_once_closed_nobody_listens_any_more() -> None:
    ears, sink, late = Ears(), Talking(), Talking()
    ears.attend({"slack": sink, "mail": Inbox("mail")}, says("a"))
    ears.close()
    assert sink.ears[0].closed
    ears.attend({"slack": late}, says("b"))
    assert late.ears == []
