"""When a config is read again, what is used meanwhile, and what is said of a broken one."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pytest

from app.clock import FixedClock
from app.errors import ConfigError
from app.service.reload import OUR_FAULT, TRY_AGAIN, ConfigStatus, Reloader, Watch
from app.service.snapshot import Snapshot
from tests.fakes.clock import Sleeper

START, NOW = datetime(2026, 6, 1, 9, 0, tzinfo=UTC), datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
BROKEN = (
    "config.yaml:3: mode: should be one of observe, notify, enforce",
    "config.yaml:9: rules: is missing",
)


@pytest.mark.parametrize(
    ("looks", "loads"),
    [
        ("aaaa", "...."),
        ("abbb", "..x."),
        ("abcdd", "....x"),  # half written, then at rest
        ("abaa", "...."),  # taken back in time
        ("abbaa", "..x.x"),
        ("abbacc", "..x..x"),
    ],
)
def test_a_change_counts_once_it_has_come_to_rest(looks: str, loads: str) -> None:
    watch = Watch("a")
    seen = ""
    for present in looks:
        settled = watch.settled(present)
        seen += "x" if settled else "."
        if settled:
            watch.take(present)
    assert seen == loads


@dataclass
class Stage:
    """A config as the tests have it: its text is its content; ``told`` is what the on-call heard."""

    content: str = "a"
    faults: tuple[str, ...] = ()
    broken: Exception | None = None
    loaded: int = 0
    installed: int = 0
    told: list[tuple[str, ...]] = field(default_factory=list)
    may_tell: bool = True
    time: Sleeper = field(default_factory=Sleeper)

    def __post_init__(self) -> None:
        self.status = ConfigStatus(START)
        self.reloader: Reloader[str] = Reloader(
            Watch("a"),
            self.status,
            FixedClock(NOW),
            lambda: self.content,
            self.load,
            self.install,
            self.tell,
            lambda: self.time.now,
        )

    def load(self) -> str:
        self.loaded += 1
        if self.broken:
            raise self.broken
        if self.faults:
            raise ConfigError("\n".join(self.faults))
        return self.content

    def install(self) -> None:
        self.installed += 1

    def tell(self, faults: Sequence[str]) -> bool:
        if self.may_tell:
            self.told.append(tuple(faults))
        return self.may_tell

    def look(self, times: int = 1, asked: bool = False) -> None:
        for _ in range(times):
            self.reloader.look(asked)
            self.time.sleep(10)

    @property
    def shown(self) -> Snapshot:
        return self.status(Snapshot())


def logged(caplog: pytest.LogCaptureFixture) -> list[str]:
    records = (r for r in caplog.records if r.message == "config not reloaded")
    return [record.fields["fault"] for record in records]  # type: ignore[attr-defined]


def test_nothing_is_loaded_while_nothing_changes() -> None:
    stage = Stage()
    stage.look(100)
    assert (stage.loaded, stage.reloader.newest()) == (0, None)
    assert (stage.shown.config_reload_ok, stage.shown.config_loaded_at) == (True, START)


def test_a_changed_config_is_loaded_once_and_handed_over() -> None:
    stage = Stage()
    stage.content = "b"
    stage.look(10)
    assert (stage.loaded, stage.reloader.newest()) == (1, "b")
    assert stage.shown.config_loaded_at == NOW


def test_it_is_offered_again_until_it_is_in_force() -> None:
    stage = Stage(content="b")
    stage.look(5)
    assert stage.installed == 5


def test_a_signal_loads_at_once_what_has_not_changed() -> None:
    stage = Stage()
    stage.look(asked=True)
    assert (stage.loaded, stage.reloader.newest()) == (1, "a")


def test_a_broken_config_keeps_the_old_shows_and_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    stage = Stage(content="b", faults=BROKEN)
    stage.look(20)
    assert stage.reloader.newest() is None
    assert stage.shown.config_reload_ok is False
    assert (stage.shown.config_faults, stage.shown.config_loaded_at) == (BROKEN, START)
    assert logged(caplog) == list(BROKEN)
    assert stage.told == [BROKEN]
    assert stage.status.remarks() == ("the config could not be reloaded: the earlier one is in force",)


def test_a_signal_says_again_what_is_wrong_but_does_not_tell_it_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    stage = Stage(content="b", faults=BROKEN)
    stage.look(2)
    stage.look(asked=True)
    assert logged(caplog) == [*BROKEN, *BROKEN]
    assert stage.told == [BROKEN]


def test_one_that_is_broken_otherwise_is_news() -> None:
    stage = Stage(content="b", faults=BROKEN)
    stage.look(2)
    stage.content, stage.faults = "c", BROKEN[:1]
    stage.look(2)
    assert stage.told == [BROKEN, BROKEN[:1]]


def test_what_is_mended_is_in_force_and_forgotten() -> None:
    stage = Stage(content="b", faults=BROKEN)
    stage.look(2)
    stage.content, stage.faults = "c", ()
    stage.look(2)
    assert stage.reloader.newest() == "c"
    assert (stage.shown.config_reload_ok, stage.shown.config_faults) == (True, ())
    assert stage.status.remarks() == ()


def test_a_broken_one_behind_a_good_one_leaves_the_good_one_to_come() -> None:
    stage = Stage(content="b")
    stage.look(2)
    stage.content, stage.faults = "c", BROKEN
    stage.look(2)
    assert stage.reloader.newest() == "b"


def test_taken_back_to_what_it_was_it_is_read_again_and_fine() -> None:
    stage = Stage(content="b", faults=BROKEN)
    stage.look(2)
    stage.content, stage.faults = "a", ()
    stage.look(2)
    assert stage.shown.config_reload_ok


def test_what_it_names_may_come_back_so_a_broken_one_is_tried_again_now_and_then() -> None:
    stage = Stage(content="b", faults=("config.yaml:4: sinks.slack.token: the secret x can't be read",))
    stage.look(2)
    stage.faults = ()
    stage.look(int(TRY_AGAIN.total_seconds() / 10) - 1)
    assert stage.loaded == 1
    stage.look(2)
    assert (stage.loaded, stage.reloader.newest()) == (2, "b")
    stage.look(100)
    assert stage.loaded == 2


def test_while_paused_the_on_call_is_told_later() -> None:
    stage = Stage(content="b", faults=BROKEN, may_tell=False)
    stage.look(5)
    assert stage.told == []
    stage.may_tell = True
    stage.look(5)
    assert stage.told == [BROKEN]


def test_what_was_mended_before_it_could_be_told_is_not_told() -> None:
    stage = Stage(content="b", faults=BROKEN, may_tell=False)
    stage.look(5)
    stage.content, stage.faults, stage.may_tell = "c", (), True
    stage.look(asked=True)
    stage.look(5)
    assert stage.told == []


def test_a_fault_of_ours_keeps_the_old_one_too() -> None:
    stage = Stage(content="b", broken=RuntimeError("a secret is in here"))
    stage.look(2)
    assert stage.shown.config_faults == (OUR_FAULT,)
    assert stage.reloader.newest() is None


def test_what_could_not_be_told_is_tried_again_each_minute() -> None:
    stage = Stage(content="b", faults=BROKEN, may_tell=False)
    asked: list[float] = []

    def in_vain(faults: Sequence[str]) -> bool:
        asked.append(stage.time.now)
        return False

    stage.reloader.tell = in_vain
    stage.look(20)
    assert asked == [10, 70, 130, 190]


def test_another_fault_is_told_without_that_wait() -> None:
    stage = Stage(content="b", faults=BROKEN, may_tell=False)
    stage.look(2)
    stage.content, stage.faults, stage.may_tell = "c", BROKEN[:1], True
    stage.look(2)
    assert stage.told == [BROKEN[:1]]
