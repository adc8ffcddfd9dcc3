"""Many small jobs of many accounts on few threads: order, errors, throttling, and no deadlock."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Barrier, Event

import pytest

from app.errors import Permanent, Transient
from app.inventory.crew import Crew, Later

PATIENCE = 20.0  # seconds until a deadlock fails a test instead of hanging it


@dataclass
class Open:
    """A lane that is always free, ``at_once`` wide."""

    at_once: int = 4
    is_ready: bool = True
    waits: list[int] = field(default_factory=list)

    def width(self, jobs: int) -> int:
        return self.at_once

    def ready(self) -> bool:
        return self.is_ready

    def wait(self) -> None:
        self.waits.append(1)


class UnderWay:
    """Counts how many jobs run at once."""

    def __init__(self) -> None:
        self._lock, self._now, self.most = threading.Lock(), 0, 0
        self.threads: set[str] = set()

    def job(self, key: int) -> int:
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)
            self.threads.add(threading.current_thread().name)
        Event().wait(0.002)
        with self._lock:
            self._now -= 1
        return key * 2


@pytest.mark.parametrize("at_once", [1, 3, 32])
@pytest.mark.parametrize("jobs", [0, 1, 2, 50])
def test_results_come_in_the_order_of_the_keys_whoever_was_first(jobs: int, at_once: int) -> None:
    done, error = Crew(8).each(range(jobs), UnderWay().job, Open(at_once))
    assert list(done.items()) == [(key, key * 2) for key in range(jobs)]
    assert error is None


@pytest.mark.parametrize(("workers", "at_once", "most"), [(8, 3, 3), (2, 32, 2), (8, 1, 1)])
def test_no_more_run_at_once_than_the_lane_and_the_crew_allow(workers: int, at_once: int, most: int) -> None:
    under_way = UnderWay()
    Crew(workers).each(range(60), under_way.job, Open(at_once))
    assert under_way.most == most


def test_one_at_a_time_needs_no_thread_but_the_accounts_own() -> None:
    under_way = UnderWay()
    Crew(8).each(range(10), under_way.job, Open(1))
    Crew(8).each([1], under_way.job, Open(32))
    assert under_way.threads == {threading.current_thread().name}


@pytest.mark.parametrize("at_once", [1, 4])
def test_the_first_error_ends_it_and_what_was_read_is_not_lost(at_once: int) -> None:
    begun = Counter[int]()

    def job(key: int) -> int:
        begun[key] += 1
        if key == 20:
            raise Permanent("iam:ListAccessKeys is denied")
        return key

    done, error = Crew(4).each(range(1000), job, Open(at_once))
    assert isinstance(error, Permanent)
    assert len(set(range(20)) - set(done)) < at_once  # so many may have been handed out, and not begun
    assert set(done) == set(begun) - {20}
    assert len(begun) < 40


def test_no_job_runs_on_after_an_error_was_returned() -> None:
    meet, running = Barrier(2), Event()

    def job(key: int) -> int:
        meet.wait(PATIENCE)
        if key == 0:
            raise Permanent("no")
        Event().wait(0.05)
        running.set()
        return key

    done, error = Crew(2).each([0, 1], job, Open(2))
    assert running.is_set()
    assert (done, str(error)) == ({1: 1}, "no")


def test_a_throttled_job_is_done_again_after_the_others() -> None:
    order: list[int] = []

    def job(key: int) -> str:
        order.append(key)
        if order.count(key) < 2 and key in (1, 2):
            raise Later
        return f"user-{key}"

    done, error = Crew(4).each(range(5), job, Open(1))
    assert order == [0, 1, 2, 3, 4, 1, 2]
    assert list(done) == [0, 1, 2, 3, 4]
    assert error is None


class Throttled(Open):
    """Both jobs are handed out; the first one's call is throttled; the next wait opens the lane again."""

    both_out = Event()

    def wait(self) -> None:
        super().wait()
        if len(self.waits) == 2:
            self.both_out.set()
        self.is_ready = True


def test_a_job_that_lay_in_the_queue_when_its_account_was_throttled_is_not_begun() -> None:
    lane, begun = Throttled(2), list[tuple[int, int]]()

    def job(key: int) -> int:
        lane.both_out.wait(PATIENCE)
        begun.append((key, len(lane.waits)))
        lane.is_ready = False
        return key

    done, error = Crew(1).each([0, 1], job, lane)
    assert (list(done), error) == ([0, 1], None)
    assert begun == [(0, 2), (1, 3)]  # the second only after a wait of its own


def test_a_service_that_stops_ends_the_waiting_and_keeps_what_was_done() -> None:
    class Stopping(Open):
        def wait(self) -> None:
            super().wait()
            if len(self.waits) > 5:
                raise Transient("abandoned: the service is stopping")

    done, error = Crew(4).each(range(100), lambda key: key, Stopping(2))
    assert list(done) == [0, 1, 2, 3, 4]
    assert "stopping" in str(error)


def test_64_accounts_with_100_jobs_each_end_on_a_crew_of_four() -> None:
    crew = Crew(4)

    def account(number: int) -> int:
        done, error = crew.each(range(100), lambda key: key + number, Open(8))
        assert error is None
        return sum(done.values())

    with ThreadPoolExecutor(16) as accounts:
        found = list(accounts.map(account, range(64), timeout=PATIENCE))
    assert found == [4950 + 100 * number for number in range(64)]


def test_an_account_whose_calls_hang_leaves_the_others_their_turns() -> None:
    """Of four threads it holds two at the most: its lane is two wide."""
    crew, release, hung = Crew(4), Event(), Barrier(3)

    def hang(key: int) -> int:
        hung.wait(PATIENCE)
        release.wait(PATIENCE)
        return key

    with ThreadPoolExecutor(2) as accounts:
        slow = accounts.submit(crew.each, [0, 1], hang, Open(2))
        hung.wait(PATIENCE)
        done, _ = crew.each(range(200), lambda key: key, Open(4))
        assert len(done) == 200
        assert not slow.done()
        release.set()
        assert slow.result(PATIENCE)[0] == {0: 0, 1: 1}


def test_threads_without_work_end_and_come_again_with_work() -> None:
    crew, threads = Crew(4, idle=0.01), set[threading.Thread]()
    for _ in range(3):
        assert len(crew.each(range(20), lambda _: threads.add(threading.current_thread()), Open(4))[0]) == 20
        for one in threads:
            one.join(PATIENCE)
        assert not any(one.is_alive() for one in threads)
