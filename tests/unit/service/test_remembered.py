"""What a run concludes from memory is looked at live before anybody hears of it."""

from collections.abc import Callable, Collection, Iterable, Sequence
from copy import deepcopy
from dataclasses import replace
from datetime import datetime, timedelta

from app.errors import Permanent, Transient
from app.inventory.interface import AccountMemory, Need, Scanned
from app.ledger.interface import Change
from app.model import (
    INACTIVE,
    Account,
    AccountState,
    Credential,
    Inventory,
    KeptReport,
    LastUsed,
    RememberedKey,
    RememberedUser,
    Snooze,
)
from app.policy.rules import Policy, Unused
from app.service.retry import retry_failed
from app.service.run_once import context
from app.service.sweep import Sweep
from tests.fakes.policies import DEACTIVATE, WARN, ladder, policy
from tests.fakes.world import DAY, PROD, START, Key, World, aged

ID = "AKIAEXAMPLE000000001"


class Remembering(World):
    """Scans tell what was remembered when the world began; only the live reader sees the keys of now."""

    def __init__(self, policy: Policy, *keys: Key, live: bool = False) -> None:
        super().__init__(policy, *keys)
        self.live = live
        self.remembered = deepcopy(self.keys)
        self.during_scan: Callable[[], None] = lambda: None

    def scan(
        self,
        accounts: Sequence[Account],
        need: Need,
        memory: Callable[[str], AccountMemory],
        now: datetime,
        resumed: Collection[str] = (),
    ) -> Iterable[Scanned]:
        for account in accounts:
            memory(account.id)
            seen = (self._seen(key, now) for key in self.remembered)
            found = tuple(replace(credential, live=self.live) for credential in seen)
            yield Scanned(Inventory(account, now, found, frozenset()), self._users(now))
        self.during_scan()

    def _users(self, now: datetime) -> tuple[RememberedUser, ...]:
        return tuple(
            RememberedUser(
                PROD.id, k.user, now, (RememberedKey(k.id, k.created, k.status),), k.tags, k.groups
            )
            for k in self.remembered
        )

    def known(self, user: str = "ci-deploy") -> RememberedUser:
        return self.ledger.account(PROD.id).users[user]


def test_a_failed_notice_whose_key_is_gone_by_now_is_not_sent_between_the_runs() -> None:
    world = Remembering(policy(), aged(76))
    world.slack.fault = lambda message: Transient("Slack is down")
    world.day(0)
    world.keys.clear()
    world.day(1)
    world.slack.fault = lambda message: None
    world.clock.instant += timedelta(hours=2)
    retry_failed(world.parts())
    assert world.told() == []


def test_a_user_whose_act_was_held_for_what_the_live_key_shows_is_read_live_by_the_next_run() -> None:
    world = Remembering(policy(), aged(100))
    world.days(*range(7))
    world.keys.clear()
    held = world.day(7).plan.held_by_guard()
    assert (held["gone"], world.known().tags) == (1, None)


def test_who_snoozes_a_key_while_the_accounts_are_read_is_not_told_of_it() -> None:
    world = Remembering(policy(), aged(76), live=True)
    put = Snooze(f"{PROD.id}/{ID}", START + 7 * DAY, "jane@example.com", "a release", START)
    world.during_scan = lambda: world.ledger.apply(Change(snoozes=(put,)))
    world.day(0)
    assert world.told() == []


def test_idleness_that_only_the_report_tells_is_looked_at_live_however_fresh_the_listing() -> None:
    idle = replace(WARN, when=Unused(45 * DAY))
    world = Remembering(
        ladder(idle, DEACTIVATE), aged(76, last_used=LastUsed("at", START - 50 * DAY)), live=True
    )
    world.keys[0].last_used = LastUsed("at", START - timedelta(hours=1))
    world.day(0)
    assert world.told() == []


def test_a_last_use_that_cant_be_read_live_keeps_back_no_notice_that_the_report_is_good_for() -> None:
    idle = replace(WARN, when=Unused(45 * DAY))
    world = Remembering(ladder(idle, DEACTIVATE), aged(76, last_used=LastUsed("at", START - 50 * DAY)))
    real = world.read

    def blind(account: Account, user: str, key_id: str, now: datetime) -> Credential | None:
        found = real(account, user, key_id, now)
        return found and replace(found, last_used=LastUsed.unknown("AccessDenied"))

    world.read = blind  # type: ignore[method-assign]
    world.day(0)
    assert world.told() == [(0, "warn")]


def test_a_notice_about_a_key_that_cant_be_read_live_is_held_and_the_run_says_why() -> None:
    world = Remembering(policy(), aged(76))

    def denied(account: Account, user: str, key_id: str, now: datetime) -> Credential | None:
        raise Permanent("iam:GetUser in account 1 is denied")

    world.read = denied  # type: ignore[method-assign]
    report = world.day(0)
    assert world.told() == []
    assert [held.guard for held in report.plan.held] == ["unreadable"]
    [said] = report.warnings
    assert said.startswith("held: its key could not be read: iam:GetUser in account 1 is denied")


def test_a_sweep_that_is_gone_on_with_takes_no_report_of_an_earlier_run() -> None:
    """The interrupted sweep read the account without a report: what is kept is yesterday's."""
    world = Remembering(policy(), aged(76))
    old = KeptReport(PROD.id, START - DAY, START - DAY, b"")
    state = AccountState(PROD.id, "prod", START - timedelta(hours=1))
    world.ledger.apply(Change(reports=(old,), accounts=(state,)))
    assert resumed_by(world) == frozenset()
    world.ledger.apply(Change(reports=(replace(old, kept_at=START - timedelta(hours=1)),)))
    assert resumed_by(world) == {PROD.id}


def resumed_by(world: World) -> Collection[str]:
    with world.ledger.lease("me", timedelta(0)) as lease:
        ctx = context(world.parts(), world.identity, world.ledger.frame(), START)
        return Sweep(world.parts(), ctx, lease).resumed


def test_a_user_whose_key_we_deleted_is_read_live_until_its_absence_is_seen() -> None:
    """No report proves that an inactive key is gone: by memory it would be deleted again for weeks."""
    world = Remembering(policy(), aged(100, status=INACTIVE))
    world.days(*range(38))
    assert (world.writes, world.known().tags) == ([("delete", ID)], None)
    held = world.day(38).plan.held_by_guard()
    assert (held["done_already"], world.known().tags) == (1, None)
