"""How fast Slack may be asked (docs.slack.dev/apis/web-api/rate-limits).

Slack counts per method and workspace, and posts per channel besides. It publishes "50+ a minute" for Tier 3,
"100+" for Tier 4 and "several hundred a minute" for posts: these are the floors, bursts included, and well
below several hundred. A method that answered 429 is closed for everybody until its Retry-After is over.
"""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from app.errors import Transient
from app.sinks.waits import Waits

MINUTE = 60.0


@dataclass(frozen=True, slots=True)
class Rate:
    """``burst`` requests at once, and then one every ``interval`` seconds."""

    interval: float
    burst: int


def a_minute(number: int, burst: int) -> Rate:
    """At most ``number`` requests in any minute, its burst included."""
    return Rate(MINUTE / (number - burst), burst)


TIER_2 = a_minute(20, burst=5)
TIER_3 = a_minute(50, burst=5)
TIER_4 = a_minute(100, burst=10)
POSTS = a_minute(200, burst=20)
POSTS_TO_CHANNEL = Rate(1.0, burst=1)
RATES: Mapping[str, Rate] = {
    "chat.postMessage": POSTS,
    "chat.update": TIER_3,
    "chat.postEphemeral": TIER_4,
    "conversations.history": TIER_3,
    "conversations.open": TIER_3,
    "conversations.replies": TIER_3,
    "users.info": TIER_4,
    "users.list": TIER_2,
    "users.lookupByEmail": TIER_3,
    "views.open": TIER_4,
}


class Pace:
    """Spaces the requests of one app; safe to share between threads."""

    def __init__(self, waits: Waits) -> None:
        self._waits = waits
        self._lock = threading.Lock()
        self._due: dict[str, float] = {}  # what is paced -> when its next request is due
        self._closed: dict[str, float] = {}  # method -> when it opens again
        self._ids: dict[str, str] = {}  # a name or user that was posted to -> its channel's id

    def wait(self, method: str, channel: str = "") -> None:
        """Sleeps until a request may go; raises `Transient` while ``method`` is closed."""
        self._check(method)
        with self._lock:
            now = self._waits.monotonic()
            at = max([now, *(self._reserve(key, rate, now) for key, rate in self._paced(method, channel))])
        if at > now:
            self._waits.sleep(at - now)
            self._check(method)  # somebody else may have been refused in the meantime

    def close(self, method: str, wait: timedelta) -> None:
        """Slack has asked for ``wait``."""
        with self._lock:
            until = self._waits.monotonic() + wait.total_seconds()
            self._closed[method] = max(until, self._closed.get(method, until))

    def reached(self, target: str, channel: str) -> None:
        """A post to ``target`` (a name, a user) went to ``channel``: they share its one a second."""
        with self._lock:
            if target != channel and target not in self._ids:
                self._ids[target] = channel
                spent = self._due.pop(_key(target), 0.0)
                self._due[_key(channel)] = max(spent, self._due.get(_key(channel), 0.0))

    def _paced(self, method: str, channel: str) -> list[tuple[str, Rate]]:
        paced = [(method, RATES[method])] if method in RATES else []
        if channel:
            paced.append((_key(self._ids.get(channel, channel)), POSTS_TO_CHANNEL))
        return paced

    def _reserve(self, key: str, rate: Rate, now: float) -> float:
        """When the next request may go (the generic cell rate algorithm); takes that place."""
        due = max(self._due.get(key, now), now)
        self._due[key] = due + rate.interval
        return due - (rate.burst - 1) * rate.interval

    def _check(self, method: str) -> None:
        with self._lock:
            left = self._closed.get(method, 0.0) - self._waits.monotonic()
        if method in self._closed and left > 0:
            wait = timedelta(seconds=left)
            raise Transient(f"Slack {method}: too many requests; tried again later", wait)


def _key(channel: str) -> str:
    return f"channel {channel}"
