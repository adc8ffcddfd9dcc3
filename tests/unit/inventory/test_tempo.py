"""The pace that is learnt from throttling alone, against simulated token buckets in virtual time."""

import pytest

from app.inventory.tempo import CALM, FARTHEST, LOWEST_RATE, Tempo
from tests.fakes.throttling import Asker, Events, TokenBuckets, ask

SEEDS = range(6)
BUCKETS = [(20, 50), (2, 5), (100, 200), (20, 5), (100, 5), (5, 100)]  # calls a second, burst


class Hand:
    """A clock that stands until it is moved, and a jitter that is always the least."""

    def __init__(self) -> None:
        self.now = 0.0
        self.tempo = Tempo(lambda: self.now, lambda low, _: low)

    def wait(self) -> None:
        self.now += self.tempo.pause()

    def pass_one(self) -> None:
        sent = self.tempo.sent()
        self.now += self.tempo.take()[1]
        self.tempo.passed(sent)

    def throttle(self) -> None:
        self.tempo.throttled(self.tempo.sent())


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


# --- waste and use, over simulated buckets ---


@pytest.mark.parametrize("latency", [0.03, 0.2])
@pytest.mark.parametrize("calls", [88, 830])
@pytest.mark.parametrize(("rate", "burst"), BUCKETS)
def test_less_than_a_tenth_of_the_calls_is_wasted(
    rate: float, burst: int, calls: int, latency: float
) -> None:
    found = [ask(rate, burst, calls, seed=seed, latency=latency) for seed in SEEDS]
    assert all(one.passed == calls for one in found)
    assert mean([one.waste for one in found]) < 0.1
    if burst >= 50:
        assert max(one.waste for one in found) < 0.07


@pytest.mark.parametrize("threads", [4, 8, 16, 32])
def test_nor_with_threads_that_each_wait_for_their_own_call(threads: int) -> None:
    found = [ask(20, 50, 830, seed=seed, threads=threads) for seed in SEEDS]
    assert max(one.waste for one in found) < 0.07
    assert min(one.use_of_refill for one in found) > 0.9


@pytest.mark.parametrize(("rate", "burst"), [(20, 50), (2, 5), (100, 200)])
def test_nor_where_each_action_has_a_bucket_of_its_own(rate: float, burst: int) -> None:
    found = [ask(rate, burst, 830, seed=seed, actions=4) for seed in SEEDS]
    assert max(one.waste for one in found) < 0.07


@pytest.mark.parametrize(("rate", "burst"), BUCKETS)
def test_in_the_long_run_most_of_the_refill_is_used(rate: float, burst: int) -> None:
    found = [ask(rate, burst, 3000, seed=seed) for seed in SEEDS]
    assert min(one.use_of_refill for one in found) > 0.7
    assert max(one.waste for one in found) < 0.04


def test_a_hub_with_64_threads_wastes_little_of_ten_thousand_calls() -> None:
    found = ask(100, 200, 10_000, threads=64)
    assert found.waste < 0.02
    assert found.use_of_refill > 0.9


def test_830_users_at_two_calls_a_second_end_within_the_time_of_an_account() -> None:
    assert max(ask(2, 5, 830, seed=seed).ended for seed in SEEDS) < 600 * 0.8


def test_a_bucket_that_others_keep_empty_for_a_minute_costs_little_and_is_found_full_again() -> None:
    found = ask(20, 50, 830, threads=4, closed=(5, 65))
    assert found.waste < 0.06
    assert found.ended < 65 + 90


def test_a_throttled_account_never_slows_another() -> None:
    events = Events(seed=1)
    slow = Asker(events, TokenBuckets(events, 2, 5), 200)
    quick = Asker(events, TokenBuckets(events, 1000, 1000), 200)
    events.run()
    assert (slow.passed, quick.passed) == (200, 200)
    assert quick.throttled == 0
    assert quick.ended < 1 < slow.ended


def test_two_that_share_a_bucket_both_come_to_their_end() -> None:
    events = Events(seed=1)
    bucket = TokenBuckets(events, 20, 50)
    both = [Asker(events, bucket, 400) for _ in range(2)]
    events.run()
    assert [one.passed for one in both] == [400, 400]
    assert events.now < 800 / 20 * 1.2
    assert all(one.waste < 0.1 for one in both)


# --- the rules, one by one ---


def test_nothing_is_paced_before_the_first_throttle() -> None:
    hand = Hand()
    for _ in range(1000):
        assert hand.tempo.take() == (True, 0.0)
    assert hand.tempo.told() == ""


def test_after_a_throttle_each_call_has_a_slot_of_its_own() -> None:
    hand = Hand()
    hand.throttle()
    slots = [hand.tempo.take() for _ in range(3)]
    assert [mine for mine, _ in slots] == [True] * 3
    assert [pause for _, pause in slots] == pytest.approx([0.1, 0.2, 0.3])


def test_calls_sent_before_the_last_known_emptiness_tell_nothing_new() -> None:
    hand = Hand()
    sent = [hand.tempo.sent() for _ in range(32)]
    for one in sent:
        hand.tempo.throttled(one)
    assert hand.tempo.emptied == 1
    assert "10.0 calls a second" in hand.tempo.told()


def test_what_passed_between_two_emptinesses_is_the_refill_and_the_rate_stays_below_it() -> None:
    hand = Hand()
    hand.throttle()
    for _ in range(20):
        hand.pass_one()
    refill = 20 / hand.now
    hand.throttle()
    assert f"about {0.9 * refill:.1f} calls" in hand.tempo.told()


def test_a_rate_at_which_nothing_passes_falls_by_halves_to_the_lowest() -> None:
    hand = Hand()
    pauses = []
    for _ in range(12):
        hand.throttle()
        pauses.append(hand.tempo.pause())
        hand.wait()
    assert pauses[:4] == pytest.approx([0.1, 0.2, 0.4, 0.8])
    assert pauses[-1] == pytest.approx(1 / LOWEST_RATE)


def test_nobody_is_promised_a_slot_that_is_far_ahead() -> None:
    hand = Hand()
    hand.throttle()
    taken = [hand.tempo.take() for _ in range(1000)]
    mine = [pause for is_mine, pause in taken if is_mine]
    assert max(mine) <= FARTHEST
    assert len(mine) == pytest.approx(10 * FARTHEST, abs=2)
    assert all(FARTHEST / 2 <= pause <= FARTHEST for is_mine, pause in taken if not is_mine)


def test_a_bucket_that_has_shown_to_be_deep_is_asked_by_twice_as_many_at_once() -> None:
    tempo = Hand().tempo
    for _ in range(CALM):
        tempo.passed(tempo.sent())
    assert [tempo.width(jobs) for jobs in (1, 88, 250, 830)] == [4, 6, 20, 64]


@pytest.mark.parametrize(("jobs", "width"), [(1, 4), (88, 4), (100, 4), (250, 10), (830, 32), (10_000, 32)])
def test_what_a_sudden_throttle_can_waste_is_a_twenty_fifth(jobs: int, width: int) -> None:
    assert Hand().tempo.width(jobs) == width


def test_a_throttled_account_needs_no_more_at_once_than_its_rate_fills() -> None:
    hand = Hand()
    hand.throttle()
    for _ in range(60):
        hand.wait()
        sent = hand.tempo.sent()
        hand.tempo.take()
        hand.now += 0.03
        hand.tempo.passed(sent)
    assert hand.tempo.width(830) <= 4
