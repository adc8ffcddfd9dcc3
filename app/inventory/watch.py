"""What is learnt from every AWS answer in passing: call counts, and AWS's own clock."""

from collections import Counter, deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from threading import Lock
from typing import Any

from botocore import exceptions as sdk
from botocore.credentials import ReadOnlyCredentials

from app.clock import Clock, boot_clock
from app.inventory.faults import DENIALS, THROTTLES
from app.inventory.wire import Wire

RECENT_ANSWERS = 50
NO_ANSWER = (sdk.ConnectionError, sdk.HTTPClientError)


class Calls:
    """Thread-safe counts by (service, operation, outcome), for `keysteward_aws_requests_total`.

    Outcomes: ``ok``, ``throttled``, ``denied``, ``error`` (AWS said no, or nothing that can be read),
    ``unanswered``.
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
    """`AwsClock` over the `Date` headers of the last answers: the largest difference, with its sign.

    An answer tells the time ever after, by ``elapsed``: a clock that is set while AWS is not asked is known
    to be wrong at once, and one that is put right to be right.
    """

    def __init__(self, clock: Clock, elapsed: Callable[[], float] = boot_clock) -> None:
        self._clock, self._elapsed = clock, elapsed
        self._lock = Lock()
        self._recent: deque[tuple[datetime, float]] = deque(maxlen=RECENT_ANSWERS)

    def saw(self, date_header: str) -> None:
        try:
            theirs = parsedate_to_datetime(date_header)
        except ValueError:
            return
        if theirs.tzinfo is None:
            theirs = theirs.replace(tzinfo=UTC)
        with self._lock:
            self._recent.append((theirs, self._elapsed()))

    def skew(self) -> timedelta | None:
        with self._lock:
            recent = tuple(self._recent)
        now, since = self._clock.now(), self._elapsed()
        found = (theirs + timedelta(seconds=since - seen) - now for theirs, seen in recent)
        return max(found, key=abs, default=None)


class CountedWire:
    """A `Wire` whose every answer is counted, whichever way it goes. What was never sent is not."""

    def __init__(self, wire: Wire, calls: Calls, skew: DateSkew) -> None:
        self._wire, self._calls, self._skew = wire, calls, skew
        self.service, self.endpoint, self.action = wire.service, wire.endpoint, wire.action

    def send(
        self, operation: str, params: Mapping[str, object], credentials: ReadOnlyCredentials
    ) -> Mapping[str, Any]:
        try:
            answer = self._wire.send(operation, params, credentials)
        except sdk.ClientError as error:
            self._count(operation, _refusal(error.response), error.response)
            raise
        except Exception as error:
            if not isinstance(error, sdk.BotoCoreError) or isinstance(error, NO_ANSWER):
                self._count(operation, "unanswered" if isinstance(error, NO_ANSWER) else "error", {})
            raise
        self._count(operation, "ok", answer)
        return answer

    def close(self) -> None:
        self._wire.close()

    def _count(self, operation: str, outcome: str, answer: Mapping[str, Any]) -> None:
        self._calls.count(self.service, self.action(operation), outcome)
        date = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date")
        if date:
            self._skew.saw(date)


def _refusal(answer: Mapping[str, Any]) -> str:
    code = answer.get("Error", {}).get("Code", "")
    if code in THROTTLES or answer.get("ResponseMetadata", {}).get("HTTPStatusCode") == 429:
        return "throttled"
    return "denied" if code in DENIALS else "error"


def utc(moment: datetime) -> datetime:
    """botocore's times carry dateutil zones: one zone everywhere keeps them comparable and storable."""
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
