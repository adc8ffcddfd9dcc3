"""What every sink promises, as tests: for this project's sinks and for those of other packages.

Only tests import this module: it needs pytest, which is installed for development only. Derive a class from
`SinkContract`, give it a fixture ``bench``, and name the ``faults`` that its world knows (docs/sinks.md).
"""

import logging
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, ClassVar, get_args

import pytest

from app.errors import Ambiguous, KeystewardError, PausedMeanwhile, Permanent, RecipientUnreachable, Transient
from app.plan.notice import Notice
from app.plan.summary import RunSummary
from app.sinks.interface import Grouping, Message, Sink

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
OWNER = "jane@example.com"
SECRET = "s3cret-canary-token"  # to be the sink's token or password: no error and no log may show it
KEY_ID = "AKIA" + "CANARY7CANARY7WX"

_NOTICE = Notice(
    finding_id="KS-ABCDEFGHIJ",
    episode=1,
    kind="warning",
    stage="final",
    occurrence=1,
    act="deactivate",
    act_at=datetime(2026, 11, 27, tzinfo=UTC),
    key_tail="…WXYZ",
    user="ci-deploy",
    account_id="111122223333",
    account="prod",
    owner=OWNER,
    owner_how="tag owner",
    created=datetime(2026, 8, 20, tzinfo=UTC),
    age_days=92,
    last_used="2 h ago by s3 in eu-central-1",
    status="Active",
    rule="default",
    reason="It is 92 days old; the policy allows 90.",
    urgency="critical",
    headline="Rotate key …WXYZ of ci-deploy in prod: it will be deactivated on 27 Nov 2026",
    steps=("Create a second key", "Move the workload to it", "Delete the old key"),
)


def a_notice(**changes: Any) -> Notice:
    return replace(_NOTICE, **changes)


def a_message(*notices: Notice, **changes: Any) -> Message:
    message = Message(id="msg-1", recipient=OWNER, notices=notices or (a_notice(),), now=NOW)
    return replace(message, **changes)


def many(count: int, **changes: Any) -> tuple[Notice, ...]:
    return tuple(a_notice(finding_id=f"KS-{number:010d}", **changes) for number in range(count))


@dataclass
class Bench:
    """One sink, and the world behind it."""

    sink: Sink
    arrived: Callable[[], int]  # how often the message has arrived, repeats that are dropped there aside
    faults: Mapping[str, Callable[[], None]] = field(default_factory=dict)  # what breaks the next sending
    mend: Callable[[], None] = lambda: None
    looks: bool = True  # what may have arrived is found again there, or dropped
    unreachable: str | None = None  # a recipient that it can't reach
    texts: Callable[[], str] = str  # everything that arrived
    reached: str = OWNER  # whom its receipts name for a message to `OWNER`
    counts: bool = True  # a person was told
    pause: Callable[[], None] | None = None  # from now on `tools.waits.before_sending` raises
    resume: Callable[[], None] = lambda: None
    closes_blindly: bool = False  # it can't look, so it says "resolved" also where it may not have told


def attempt(sink: Sink, message: Message) -> KeystewardError | None:
    """The error of ours that sending raised."""
    try:
        sink.send(message)
    except KeystewardError as error:
        return error
    return None


class SinkContract:
    """Derive from it, and pytest runs every promise of `Sink` (`app/sinks/interface.py`)."""

    faults: ClassVar[Sequence[str]] = ()  # the keys of the bench's `faults`

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        if "fault" in metafunc.fixturenames:
            metafunc.parametrize("fault", self.faults)

    @pytest.fixture
    def bench(self) -> Bench | Iterator[Bench]:
        raise NotImplementedError("a fixture that yields a Bench")

    def test_it_says_what_kind_of_sink_it_is(self, bench: Bench) -> None:
        assert bench.sink.name
        assert bench.sink.grouping in get_args(Grouping)
        assert bench.sink.tickets or not bench.sink.insists
        assert bench.sink.fallback is None or bench.sink.fallback

    def test_a_message_is_delivered_once_and_its_receipt_names_who_was_reached(self, bench: Bench) -> None:
        receipt = bench.sink.send(a_message())
        assert receipt.recipient == bench.reached
        assert receipt.counts == bench.counts
        assert bench.arrived() == 1

    def test_a_digest_arrives_as_one_message(self, bench: Bench) -> None:
        if bench.sink.grouping == "finding":
            pytest.skip("it is handed one notice at a time")
        bench.sink.send(a_message(*many(3)))
        assert bench.arrived() == 1

    def test_a_failure_is_an_error_of_ours_and_never_a_receipt(self, bench: Bench, fault: str) -> None:
        bench.faults[fault]()
        with pytest.raises((Transient, Permanent)):
            bench.sink.send(a_message())

    def test_trying_again_after_a_failure_delivers_exactly_once(self, bench: Bench, fault: str) -> None:
        bench.faults[fault]()
        error = attempt(bench.sink, a_message())
        bench.mend()
        bench.sink.send(a_message(maybe_sent=isinstance(error, Ambiguous)))
        assert bench.arrived() == 1 or not bench.looks

    def test_what_arrived_without_an_answer_is_reported_as_ambiguous(self, bench: Bench, fault: str) -> None:
        bench.faults[fault]()
        error = attempt(bench.sink, a_message())
        assert isinstance(error, Ambiguous) or bench.arrived() == 0

    def test_no_error_and_no_log_line_holds_a_secret(
        self, bench: Bench, fault: str, caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.DEBUG):
            bench.faults[fault]()
            error = attempt(bench.sink, a_message(a_notice(user=KEY_ID, reason=f"seen with {KEY_ID}")))
        assert error is not None
        told = "".join(traceback.format_exception(error)) + caplog.text
        assert SECRET not in told
        assert KEY_ID not in told

    def test_no_message_holds_a_full_key_id_even_when_a_name_or_a_tag_does(self, bench: Bench) -> None:
        fields = ("user", "account", "reason", "headline", "last_used", "rule")
        bench.sink.send(a_message(a_notice(**dict.fromkeys(fields, f"x {KEY_ID} y"))))
        arrived = bench.texts()
        assert any(f"{dots}{KEY_ID[-4:]}" in arrived for dots in ("…", "\\u2026", "=E2=80=A6"))
        assert KEY_ID not in arrived

    def test_an_unreachable_recipient_is_told_apart_from_other_failures(self, bench: Bench) -> None:
        if bench.unreachable is None:
            pytest.skip("it reaches a place, not a person")
        with pytest.raises(RecipientUnreachable):
            bench.sink.send(a_message(recipient=bench.unreachable))
        assert bench.arrived() == 0

    def test_an_unreachable_recipient_is_no_obstacle_for_the_next_message(self, bench: Bench) -> None:
        if bench.unreachable is None:
            pytest.skip("it reaches a place, not a person")
        attempt(bench.sink, a_message(recipient=bench.unreachable))
        bench.sink.send(a_message(id="msg-2"))
        assert bench.arrived() == 1

    def test_resolving_what_was_never_sent_does_nothing(self, bench: Bench) -> None:
        receipt = bench.sink.resolve(a_notice(kind="resolved"), NOW)
        assert receipt is None or bench.closes_blindly
        assert bench.arrived() == 0

    def test_resolving_closes_only_what_it_keeps_open(self, bench: Bench) -> None:
        receipt = bench.sink.send(a_message())
        closed = bench.sink.resolve(a_notice(kind="resolved", refs=receipt.refs), NOW)
        assert (closed is not None) == bench.sink.tickets
        assert not closed or not closed.counts

    def test_a_sink_that_keeps_something_open_remembers_it(self, bench: Bench) -> None:
        assert bench.sink.send(a_message()).refs or not bench.sink.tickets

    def test_a_second_notice_keeps_the_references_of_the_first(self, bench: Bench) -> None:
        if not bench.sink.tickets:
            pytest.skip("a digest starts a message of its own")
        first = bench.sink.send(a_message())
        again = a_notice(occurrence=2, refs=first.refs)
        second = bench.sink.send(replace(a_message(again), id="msg-2"))
        assert second.refs == first.refs
        assert bench.arrived() == 2

    def test_closed_tickets_are_named_by_their_keys(self, bench: Bench) -> None:
        bench.sink.send(a_message())
        closed = bench.sink.closed(NOW)
        assert isinstance(closed, frozenset)
        assert all(isinstance(key, str) for key in closed)

    def test_nothing_leaves_while_the_service_is_paused(self, bench: Bench) -> None:
        if bench.pause is None:
            pytest.skip("it asks nobody for leave")
        bench.pause()
        assert isinstance(attempt(bench.sink, a_message()), PausedMeanwhile)
        assert bench.arrived() == 0
        bench.resume()
        bench.sink.send(a_message())
        assert bench.arrived() == 1

    def test_nothing_is_closed_while_the_service_is_paused(self, bench: Bench) -> None:
        if bench.pause is None or not bench.sink.tickets:
            pytest.skip("it asks nobody for leave, or keeps nothing open")
        ended = a_notice(kind="resolved", refs=bench.sink.send(a_message()).refs)
        arrived = bench.texts()
        bench.pause()
        with pytest.raises(PausedMeanwhile):
            bench.sink.resolve(ended, NOW)
        assert bench.texts() == arrived
        bench.resume()
        assert bench.sink.resolve(ended, NOW)

    @pytest.mark.parametrize("news", [True, False])
    def test_a_run_is_reported_without_a_fuss(self, bench: Bench, news: bool) -> None:
        bench.sink.report(RunSummary(NOW, "1.0", "enforce", "success", {"success": 3}, news=news))

    def test_every_fault_of_the_bench_is_tried(self, bench: Bench) -> None:
        assert set(bench.faults) == set(self.faults)
