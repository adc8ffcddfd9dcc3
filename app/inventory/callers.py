"""Who uses a key, out of CloudTrail's event history. It costs nothing and needs no trail."""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from threading import Lock
from typing import Any

from app.inventory.agents import one_line, short_agent
from app.inventory.api import Api, Pace
from app.inventory.sessions import Sessions
from app.inventory.watch import utc
from app.model import Account, Caller

HISTORY = timedelta(days=90)  # all that LookupEvents reaches
SPACING = 0.5  # seconds: LookupEvents allows two requests a second, per account and region
PAGES, PAGE_SIZE = 4, 50  # a region
ONE_REGION = timedelta(seconds=30)  # for one key, throttling included
MOST_CALLERS = 5

# IAM also names places where no CloudTrail answers ("aws-global"), and a name becomes part of a host's.
_REGION = re.compile(r"[a-z]+(-[a-z]+)+-\d+")

Who = tuple[str, str, str, str]  # source, agent, service, region


class Turns:
    """Spaces the calls to each account and region out. Thread-safe."""

    def __init__(self, pace: Pace) -> None:
        self._pace, self._lock = pace, Lock()
        self._free_at: dict[tuple[str, str], float] = {}

    def wait(self, account_id: str, region: str) -> None:
        """Returns when it is this call's turn. Raises `Transient` when the service is stopping."""
        pause = self._take(account_id, region)
        if pause > 0:
            self._pace.wait(pause, pause)

    def _take(self, account_id: str, region: str) -> float:
        with self._lock:
            now = self._pace.monotonic()
            start = max(now, self._free_at.get((account_id, region), now))
            self._free_at[account_id, region] = start + SPACING
            return start - now


class CloudTrailCallers:
    """`CallerHistory` over CloudTrail's LookupEvents: keep one for the life of the process, it paces itself.

    A sample: the newest 200 events a region (4 pages of 50), refused calls among them. Calls made with a
    session that the key opened (AssumeRole, GetSessionToken) bear the session's id and are not seen. Of an
    event only source, user agent, service, region and time are kept.
    """

    def __init__(self, sessions: Sessions) -> None:
        self._sessions, self._turns = sessions, Turns(sessions.pace)

    def callers(
        self, account: Account, key_id: str, regions: Sequence[str], now: datetime
    ) -> tuple[Caller, ...]:
        asked = [region for region in dict.fromkeys(regions) if _REGION.fullmatch(region)]
        seen = [
            call
            for region in asked or [self._sessions.global_region()]
            for call in self._calls(account, key_id, region)
        ]
        return _top((who, at) for who, at in seen if now - HISTORY <= at <= now)

    def _calls(self, account: Account, key_id: str, region: str) -> Iterator[tuple[Who, datetime]]:
        api = self._sessions.looking_up(account, region, ONE_REGION)
        for event in self._events(api, account.id, key_id, region):
            if call := _read(event):
                yield call

    def _events(self, api: Api, account_id: str, key_id: str, region: str) -> Iterator[Mapping[str, Any]]:
        attribute = {"AttributeKey": "AccessKeyId", "AttributeValue": key_id}
        token: dict[str, str] = {}
        for _ in range(PAGES):
            self._turns.wait(account_id, region)
            page = api.call("lookup_events", LookupAttributes=[attribute], MaxResults=PAGE_SIZE, **token)
            yield from page.get("Events", ())
            if not page.get("NextToken"):
                return
            token = {"NextToken": page["NextToken"]}


def _read(event: Mapping[str, Any]) -> tuple[Who, datetime] | None:
    """None when the event has another shape than the record's reference says: a sample can do without."""
    try:
        told = json.loads(event["CloudTrailEvent"])
        agent = short_agent(told.get("userAgent") or "unknown")
        service = one_line(told["eventSource"]).split(".")[0]
        who = one_line(told["sourceIPAddress"]), agent, service, one_line(told["awsRegion"])
        return who, utc(datetime.fromisoformat(told["eventTime"]))
    except (LookupError, TypeError, ValueError, AttributeError):
        return None


def _top(calls: Iterable[tuple[Who, datetime]]) -> tuple[Caller, ...]:
    times: dict[Who, list[datetime]] = defaultdict(list)
    for who, at in calls:
        times[who].append(at)
    found = [Caller(*who, calls=len(seen), last=max(seen)) for who, seen in times.items()]
    return tuple(sorted(found, key=lambda one: (one.calls, one.last), reverse=True)[:MOST_CALLERS])
