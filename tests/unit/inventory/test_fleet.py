"""The fleet: reports are asked for first, nobody waits for one in the making, and a failure stays with its
account."""

import threading
import zlib
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from app.inventory.api import Pace
from app.inventory.interface import AccountMemory, Fetched, Need, NotYet, Scanned
from app.inventory.scan import Fleet
from app.model import Account, Inventory, KeptReport, RememberedUser, ScanFailure
from tests.fakes.clock import Sleeper

NOW = datetime(2026, 11, 20, tzinfo=UTC)
NEED = Need(timedelta(days=60))
KEY = "AKIA1234567890ABCDEF"
REPORT = Fetched(b"user,arn\n", NOW - timedelta(hours=1))


@dataclass
class Scanner:
    """Answers by the book; each attribute makes some accounts behave otherwise. Remembers every step."""

    slow: dict[str, int] = field(default_factory=dict)  # account -> fetches before its report is ready
    refusing: Collection[str] = ()
    failing: dict[str, int] = field(default_factory=dict)  # account -> scans that fail for a time
    blocked: Collection[str] = ()
    breaking: Collection[str] = ()  # their scan breaks its contract
    without_report: Collection[str] = ()
    begun: Collection[str] = ()  # whose report is in the making when it is asked for
    hangs: threading.Event | None = None  # until then no question is answered
    steps: list[tuple[str, str]] = field(default_factory=list)
    given: dict[str, Fetched | None] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def _note(self, step: str, account: Account) -> int:
        with self.lock:
            self.steps.append((step, account.id))
            return self.steps.count((step, account.id))

    def ask(self, account: Account, need: Need, now: datetime) -> NotYet | ScanFailure | None:
        self._note("ask", account)
        if self.hangs:
            self.hangs.wait(10)
        if account.id in self.begun:
            return NotYet(0.0)
        refused = account.id in self.refusing
        return ScanFailure(account, now, "AccessDenied", blocked=True) if refused else None

    def fetch(
        self, account: Account, need: Need, tries: int, now: datetime
    ) -> Fetched | NotYet | ScanFailure | None:
        self._note("fetch", account)
        if tries < self.slow.get(account.id, 0):
            return NotYet(5.0)
        return None if account.id in self.without_report else REPORT

    def scan(
        self, account: Account, fetched: Fetched | None, need: Need, memory: AccountMemory, now: datetime
    ) -> Scanned:
        times = self._note("scan", account)
        self.given[account.id] = fetched
        if account.id in self.breaking:
            raise RuntimeError(f"boom {KEY}")
        if account.id in self.blocked:
            return Scanned(ScanFailure(account, now, "denied", blocked=True))
        if times <= self.failing.get(account.id, 0):
            learnt = RememberedUser(account.id, "ann", now, ())
            return Scanned(ScanFailure(account, now, "throttled", passing=True), (learnt,))
        return Scanned(Inventory(account, now, (), frozenset()))

    def of(self, step: str) -> list[str]:
        return [account for what, account in self.steps if what == step]


def accounts(number: int) -> list[Account]:
    return [Account(f"{n:03}") for n in range(number)]


def no_memory(_: str) -> AccountMemory:
    return AccountMemory()


@pytest.fixture
def waits() -> Sleeper:
    return Sleeper()


def fleet(scanner: Scanner, waits: Sleeper, workers: int = 4) -> Fleet:
    pace = Pace(sleep=waits.sleep, monotonic=lambda: waits.now, between=lambda low, high: high)
    return Fleet(scanner, workers, pace)


def run(fleet: Fleet, listed: Sequence[Account], resumed: Collection[str] = ()) -> list[Scanned]:
    return list(fleet.scan(listed, NEED, no_memory, NOW, resumed))


def whole(results: Sequence[Scanned]) -> list[str]:
    return sorted(one.scan.account.id for one in results if isinstance(one.scan, Inventory))


def test_every_account_is_heard_of_once_and_a_crash_is_one_accounts_failure(waits: Sleeper) -> None:
    results = run(fleet(Scanner(breaking=["013"]), waits), accounts(100))
    assert sorted(one.scan.account.id for one in results) == [account.id for account in accounts(100)]
    (failure,) = [one.scan for one in results if isinstance(one.scan, ScanFailure)]
    assert failure.reason == "RuntimeError: boom …CDEF"


def test_every_report_is_asked_for_before_the_first_is_fetched(waits: Sleeper) -> None:
    scanner = Scanner()
    run(fleet(scanner, waits), accounts(50))
    assert sorted(scanner.of("ask")) == sorted(scanner.of("fetch")) == sorted(scanner.of("scan"))
    assert {step for step, _ in scanner.steps[:50]} == {"ask"}


def test_an_account_that_refuses_for_good_is_not_fetched(waits: Sleeper) -> None:
    scanner = Scanner(refusing=["003"])
    results = run(fleet(scanner, waits), accounts(9))
    assert len(results) == 9
    assert "003" not in scanner.of("fetch")


def test_accounts_are_taken_up_only_a_little_ahead_of_the_caller(waits: Sleeper) -> None:
    taken: list[str] = []

    def memory(account_id: str) -> AccountMemory:
        taken.append(account_id)
        return AccountMemory()

    results = iter(fleet(Scanner(), waits).scan(accounts(100), NEED, memory, NOW))
    for _ in range(5):
        next(results)
    assert len(taken) <= 5 + 2 * 4


def test_the_memory_is_asked_in_the_callers_thread(waits: Sleeper) -> None:
    asked: set[str] = set()

    def memory(_: str) -> AccountMemory:
        asked.add(threading.current_thread().name)
        return AccountMemory()

    list(fleet(Scanner(), waits).scan(accounts(9), NEED, memory, NOW))
    assert asked == {threading.current_thread().name}


# --- reports in the making ---


def test_a_report_in_the_making_holds_nobody_up_and_is_fetched_when_it_is_ready(waits: Sleeper) -> None:
    scanner = Scanner(slow={"000": 2, "001": 1})
    results = run(fleet(scanner, waits, workers=1), accounts(20))
    assert whole(results) == [account.id for account in accounts(20)]
    assert [one.scan.account.id for one in results][-2:] == ["001", "000"]
    fetches = Counter(scanner.of("fetch"))
    assert (fetches["000"], fetches["001"], fetches["002"]) == (3, 2, 1)
    assert scanner.given["000"] == REPORT


def test_time_is_slept_away_only_when_nothing_else_is_to_be_done(waits: Sleeper) -> None:
    scanner = Scanner(slow={"000": 1})
    results = iter(fleet(scanner, waits).scan(accounts(20), NEED, no_memory, NOW))
    for _ in range(19):
        next(results)
        assert waits.slept == []
    assert next(results).scan.account.id == "000"
    assert waits.slept == [5.0]


def test_an_account_without_a_report_is_scanned_without_one(waits: Sleeper) -> None:
    scanner = Scanner(without_report=["001"])
    results = {one.scan.account.id: one for one in run(fleet(scanner, waits), accounts(3))}
    assert scanner.given["001"] is None
    assert results["001"].report is None


# --- failures ---


def test_a_passing_failure_is_tried_again_behind_the_others(waits: Sleeper) -> None:
    scanner = Scanner(failing={"000": 1})
    results = run(fleet(scanner, waits), accounts(20))
    assert whole(results) == [account.id for account in accounts(20)]
    (first,) = [one for one in results if one.again]
    assert [user.user for user in first.remembered] == ["ann"]
    assert results[-1].scan.account.id == "000"


def test_an_account_is_tried_three_times_at_most(waits: Sleeper) -> None:
    scanner = Scanner(failing={"000": 99})
    results = [one for one in run(fleet(scanner, waits), accounts(5)) if one.scan.account.id == "000"]
    assert [one.again for one in results] == [True, True, False]
    assert scanner.of("scan").count("000") == 3


@pytest.mark.parametrize("trouble", ["blocked", "breaking", "refusing"])
def test_what_asking_again_cannot_help_is_not_tried_again(trouble: str, waits: Sleeper) -> None:
    scanner = replace(Scanner(), **{trouble: ["002"]})  # type: ignore[arg-type]
    results = [one for one in run(fleet(scanner, waits), accounts(5)) if one.scan.account.id == "002"]
    assert [one.again for one in results] == [False]
    assert scanner.of("scan").count("002") <= 1
    assert waits.slept == []


def test_once_the_service_stops_nothing_is_tried_again_and_every_account_is_still_heard_of(
    waits: Sleeper,
) -> None:
    scanner = Scanner(failing={f"{n:03}": 99 for n in range(20)}, slow={"007": 9})
    one_fleet = fleet(scanner, waits)
    results: list[Scanned] = []
    for one in one_fleet.scan(accounts(20), NEED, no_memory, NOW):
        results.append(one)
        one_fleet.pace.stop.set()
    last = {one.scan.account.id: one.again for one in results}
    assert set(last) == {account.id for account in accounts(20)}
    assert not any(last.values())
    assert waits.slept == []


# --- going on with a sweep that was cut short ---


def with_reports(ids: Collection[str]) -> dict[str, AccountMemory]:
    content = zlib.compress(REPORT.content)
    return {i: AccountMemory(report=KeptReport(i, NOW, REPORT.made_at, content)) for i in ids}


def resume(scanner: Scanner, waits: Sleeper, resumed: Collection[str], need: Need = NEED) -> list[Scanned]:
    kept = with_reports(resumed)
    found = fleet(scanner, waits).scan(
        accounts(9), need, lambda i: kept.get(i, AccountMemory()), NOW, resumed
    )
    return list(found)


def test_of_a_resumed_account_nothing_is_asked_and_its_kept_report_is_scanned(waits: Sleeper) -> None:
    scanner = Scanner()
    results = resume(scanner, waits, ["002", "005"])
    assert whole(results) == [account.id for account in accounts(9)]
    assert {"002", "005"}.isdisjoint([*scanner.of("ask"), *scanner.of("fetch")])
    assert scanner.given["002"] == REPORT


def test_a_report_is_kept_small_and_once(waits: Sleeper) -> None:
    results = {one.scan.account.id: one.report for one in resume(Scanner(), waits, ["002"])}
    report = results["003"]
    assert report is not None
    assert (zlib.decompress(report.content), report.made_at) == (REPORT.content, REPORT.made_at)
    assert report.kept_at == NOW
    assert results["002"] is None  # it is in the ledger


def test_of_a_failed_account_no_report_is_kept(waits: Sleeper) -> None:
    results = run(fleet(Scanner(blocked=["001"]), waits), accounts(3))
    assert {one.scan.account.id: one.report is None for one in results} == {
        "000": False,
        "001": True,
        "002": False,
    }


def test_a_resumed_account_that_fails_for_a_time_is_read_anew(waits: Sleeper) -> None:
    scanner = Scanner(failing={"002": 1})
    results = [one for one in resume(scanner, waits, ["002"]) if one.scan.account.id == "002"]
    assert [one.again for one in results] == [True, False]
    assert scanner.of("fetch").count("002") == 1


def test_a_caller_that_goes_away_leaves_no_work_behind(waits: Sleeper) -> None:
    scanner = Scanner()
    for number, _ in enumerate(fleet(scanner, waits, workers=2).scan(accounts(100), NEED, no_memory, NOW)):
        if number == 3:
            break
    assert len(scanner.of("scan")) < 20


def test_once_the_service_stops_nobody_waits_for_an_answer_that_does_not_come(waits: Sleeper) -> None:
    hangs = threading.Event()
    one_fleet = fleet(Scanner(hangs=hangs), waits)
    one_fleet.pace.stop.set()
    first = next(iter(one_fleet.scan(accounts(20), NEED, no_memory, NOW)))
    assert not hangs.is_set()
    hangs.set()
    assert isinstance(first.scan, ScanFailure)
    assert "stopping" in first.scan.reason


def test_a_report_that_is_due_early_does_not_keep_the_sweep_busy_while_it_asks(waits: Sleeper) -> None:
    asked = 0

    def monotonic() -> float:
        nonlocal asked
        asked += 1
        return waits.now

    hangs, scanner = threading.Event(), Scanner(begun=["000"])
    pace = Pace(sleep=waits.sleep, monotonic=monotonic)
    threading.Timer(0.2, hangs.set).start()

    def ask(account: Account, need: Need, now: datetime) -> NotYet | None:
        if account.id == "000":
            return NotYet(0.0)
        hangs.wait(10)
        return None

    scanner.ask = ask  # type: ignore[method-assign]
    assert len(whole(run(Fleet(scanner, 4, pace), accounts(3)))) == 3
    assert asked < 50
