"""What is learnt from every AWS answer in passing: call counts, and AWS's own clock."""

from collections import Counter, deque
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from threading import Lock
from typing import Any

from app.clock import Clock
from app.inventory.faults import DENIALS, THROTTLES

RECENT_ANSWERS = 50


class Calls:
    """Thread-safe counts by (service, operation, outcome), for `keysteward_aws_requests_total`.

    Outcomes: ``ok``, ``throttled``, ``denied``, ``error`` (AWS said no), ``unanswered``.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._counts: Counter[tuple[str, str, str]] = Counter()

    def count(self, service: str, operation: str, outcome: str) -> None:
        with self._lock:
            self._counts[service, operation, outcome] += 1

    def total(self) -> int:
        """All requests so far."""
        with self._lock:
            return self._counts.total()

    def snapshot(self) -> Mapping[tuple[str, str, str], int]:
        with self._lock:
            return dict(self._counts)


class DateSkew:
    """`AwsClock` over the `Date` headers of the last answers: the largest difference, with its sign."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = Lock()
        self._recent: deque[timedelta] = deque(maxlen=RECENT_ANSWERS)

    def saw(self, date_header: str) -> None:
        try:
            theirs = parsedate_to_datetime(date_header)
        except ValueError:
            return
        if theirs.tzinfo is None:
            theirs = theirs.replace(tzinfo=UTC)
        self._add(theirs - self._clock.now())

    def _add(self, skew: timedelta) -> None:
        with self._lock:
            self._recent.append(skew)

    def skew(self) -> timedelta | None:
        with self._lock:
            return max(self._recent, key=abs, default=None)


class Watch:
    """The hook on botocore's `response-received` events."""

    def __init__(self, calls: Calls, skew: DateSkew) -> None:
        self._calls, self._skew = calls, skew

    def __call__(self, **event: Any) -> None:
        _, service, operation = event["event_name"].split(".", 2)
        answer = event.get("response_dict")
        self._calls.count(service, operation, _outcome(event.get("parsed_response"), answer))
        date = answer["headers"].get("Date") if answer else None
        if date:
            self._skew.saw(date)


def _outcome(parsed: Mapping[str, Any] | None, answer: Mapping[str, Any] | None) -> str:
    if answer is None:
        return "unanswered"
    code = (parsed or {}).get("Error", {}).get("Code", "")
    if code in THROTTLES or answer["status_code"] == 429:
        return "throttled"
    if code in DENIALS:
        return "denied"
    return "ok" if parsed is not None and answer["status_code"] < 300 else "error"


def utc(moment: datetime) -> datetime:
    """botocore's times carry dateutil zones: one zone everywhere keeps them comparable and storable."""
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
