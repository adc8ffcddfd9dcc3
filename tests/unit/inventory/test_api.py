"""One call: waiting its turn, repeating what may be repeated, within the budgets and the time allowed."""

from datetime import timedelta
from threading import Thread

import pytest
from botocore import exceptions as sdk
from botocore.credentials import ReadOnlyCredentials

from app.errors import Ambiguous, KeystewardError, Permanent, Transient
from app.inventory.api import Api
from app.inventory.budget import ApiBudget, RetryBudget
from app.inventory.crew import Crew, Later
from app.inventory.faults import OutOfTime, Throttled
from tests.fakes.clock import Sleeper
from tests.fakes.wire import ScriptedWire, refusal, scripted_api

THROTTLE, BROKEN = refusal("Throttling"), refusal("ServiceFailure", 500)


@pytest.fixture
def time() -> Sleeper:
    return Sleeper()


def ask(api: Api, times: int = 1) -> None:
    for _ in range(times):
        api.call("list_access_keys", UserName="ann")


def test_an_unthrottled_call_waits_for_nothing(time: Sleeper) -> None:
    ask(scripted_api(ScriptedWire(), time), 100)
    assert time.slept == []


def test_a_throttled_call_waits_for_a_slot_and_the_next_ones_for_theirs(time: Sleeper) -> None:
    wire = ScriptedWire(None, THROTTLE)
    ask(scripted_api(wire, time), 12)
    assert wire.sent == 13
    assert 0.1 <= time.slept[0] <= 0.2
    assert len(time.slept) == 11
    assert max(time.slept[1:]) == pytest.approx(0.1)
    assert time.slept[1:] == sorted(time.slept[1:], reverse=True)


def test_throttling_without_end_is_told_with_the_rate_that_gets_through(time: Sleeper) -> None:
    wire = ScriptedWire(then=THROTTLE)
    with pytest.raises(OutOfTime, match=r"iam:ListAccessKeys in account 1: throttled .*within 600 s"):
        ask(scripted_api(wire, time))
    assert time.now == pytest.approx(600, abs=21)
    assert wire.sent < 60


def test_a_slow_accounts_time_that_is_over_is_told_with_its_rate(time: Sleeper) -> None:
    api = scripted_api(ScriptedWire(*[THROTTLE] * 8), time)
    ask(api)
    time.now = 600.0
    with pytest.raises(OutOfTime, match=r"throttled by AWS to about \d+\.\d calls a second \(not finished"):
        ask(api)


def test_a_job_of_a_crew_frees_its_thread_when_throttled(time: Sleeper) -> None:
    api = scripted_api(ScriptedWire(THROTTLE), time).yielding()
    with pytest.raises(Later) as caught:
        ask(api)
    assert not isinstance(caught.value, KeystewardError)
    assert time.slept == []
    assert not api.ready()
    api.wait()
    ask(api)


def test_an_accounts_jobs_are_all_done_however_often_throttled(time: Sleeper) -> None:
    wire = ScriptedWire(*[None] * 20, *[THROTTLE] * 4, *[None] * 30, THROTTLE)
    api = scripted_api(wire, time).yielding()
    done, error = Crew(8).each(range(88), lambda key: api.call("list_access_keys"), api)
    assert (len(done), error) == (88, None)
    assert wire.sent == 88 + 5


def test_an_account_that_is_out_of_time_keeps_the_users_that_were_read(time: Sleeper) -> None:
    wire = ScriptedWire(*[None] * 30, then=THROTTLE)
    api = scripted_api(wire, time).yielding()
    done, error = Crew(8).each(range(88), lambda key: api.call("list_access_keys"), api)
    assert len(done) == 30
    assert isinstance(error, OutOfTime)
    assert "throttled" in str(error)


@pytest.mark.parametrize("error", [BROKEN, ConnectionError()])
def test_other_failures_are_tried_four_times(time: Sleeper, error: Exception) -> None:
    wire = ScriptedWire(then=error)
    with pytest.raises(Ambiguous):
        ask(scripted_api(wire, time))
    assert (wire.sent, len(time.slept)) == (4, 3)


def test_a_retry_may_end_well(time: Sleeper) -> None:
    ask(scripted_api(ScriptedWire(BROKEN, BROKEN, BROKEN), time))


def test_once_the_retries_of_the_process_are_spent_an_error_stands_at_once(time: Sleeper) -> None:
    retries, wire = RetryBudget(), ScriptedWire(then=BROKEN)
    for _ in range(1000):
        with pytest.raises(Ambiguous):
            ask(scripted_api(wire, time, retries=retries))
    assert wire.sent == 1000 + 35


def test_throttled_calls_draw_on_no_retry_budget(time: Sleeper) -> None:
    retries = RetryBudget()
    while retries.spend():
        pass
    ask(scripted_api(ScriptedWire(*[THROTTLE] * 50), time, retries=retries, allowed=timedelta(hours=1)))


def test_what_cant_help_is_not_repeated(time: Sleeper) -> None:
    wire = ScriptedWire(then=refusal("AccessDenied", 403))
    with pytest.raises(Permanent):
        ask(scripted_api(wire, time))
    assert wire.sent == 1


def test_waiting_for_the_whole_processes_budget_is_no_time_of_the_accounts_own(time: Sleeper) -> None:
    budget = ApiBudget(4, 0.1, lambda: time.now)
    ask(scripted_api(ScriptedWire(), time, budget=budget, allowed=timedelta(seconds=30)), 20)
    assert time.now == pytest.approx(190)


def test_a_throttled_assume_role_slows_the_hub_and_not_the_account(time: Sleeper) -> None:
    answers = [Throttled("sts:AssumeRole: throttled by AWS")] * 3

    def load() -> ReadOnlyCredentials:
        if answers:
            raise answers.pop()
        return ReadOnlyCredentials("a", "s", "t")

    api = scripted_api(ScriptedWire(), time, load=load)
    ask(api, 10)
    assert api.tempo.emptied == 0


def test_calls_under_way_never_exceed_the_budget(time: Sleeper) -> None:
    """Credentials are had before a place is taken: one place must do for the call and its AssumeRole."""
    budget = ApiBudget(1, None, lambda: time.now)
    hub = scripted_api(ScriptedWire(), time, budget=budget)

    def load() -> ReadOnlyCredentials:
        hub.call("assume_role")
        return ReadOnlyCredentials("a", "s", "t")

    api = scripted_api(ScriptedWire(), time, budget=budget, load=load)
    thread = Thread(target=ask, args=(api, 20), daemon=True)
    thread.start()
    thread.join(10)
    assert not thread.is_alive()


def test_a_service_that_stops_begins_no_call(time: Sleeper) -> None:
    wire = ScriptedWire()
    api = scripted_api(wire, time)
    api.pace.stop.set()
    with pytest.raises(Transient, match="stopping"):
        ask(api)
    assert wire.sent == 0


def test_signing_in_for_an_act_without_credentials_says_what_to_mend() -> None:
    def load() -> ReadOnlyCredentials:
        raise sdk.NoCredentialsError

    with pytest.raises(Permanent, match="no usable AWS credentials"):
        scripted_api(ScriptedWire(), Sleeper(), load=load).sign_in()
