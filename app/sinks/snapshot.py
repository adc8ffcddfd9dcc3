"""What an observer sees: one immutable picture of the last finished run.

Prometheus and the status page both draw from it, so they can't contradict each other. It sits beside
the sinks because Prometheus is one; the service builds it and hands it over (`service/snapshot.py`).
"""

from bisect import bisect_left
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import NamedTuple

from app.model import AccountState, Kind, Pause, RunRecord

# Upper bounds in days; the ladder's usual steps (30, 45, 75, 90) fall on bounds.
AGE_BOUNDS_DAYS = (1, 7, 14, 30, 45, 60, 75, 90, 120, 180, 365, 730)
DUE_WITHIN = ("1d", "7d", "30d")


class CountKey(NamedTuple):
    """What `Snapshot.credentials` counts by. ``state`` is a stage's name or ok, exempt, inactive, unknown."""

    account_id: str
    account: str
    kind: str
    state: str


class AgeKey(NamedTuple):
    account_id: str
    account: str
    kind: str


@dataclass(frozen=True, slots=True)
class AgeHistogram:
    """Ages in days: ``counts`` has one number a bound of `AGE_BOUNDS_DAYS`, and a last one for older."""

    counts: tuple[int, ...] = (0,) * (len(AGE_BOUNDS_DAYS) + 1)
    sum_days: float = 0.0

    @staticmethod
    def of(ages_days: Iterable[float]) -> "AgeHistogram":
        counts = [0] * (len(AGE_BOUNDS_DAYS) + 1)
        total = 0.0
        for age in ages_days:
            counts[bisect_left(AGE_BOUNDS_DAYS, age)] += 1
            total += age
        return AgeHistogram(tuple(counts), total)


@dataclass(frozen=True, slots=True)
class FindingRow:
    """One finding as shown. ``key_tail`` is masked; no field holds a full key id or a secret."""

    finding_id: str
    account_id: str
    account: str
    user: str
    key_tail: str  # "…WXYZ"
    created: datetime
    rule: str
    state: str  # the stage's name, as in `CountKey.state`
    kind: str = Kind.ACCESS_KEY
    owner: str = ""
    last_used: str = ""  # "2 h ago by s3", "never", "unknown (why)"
    due_at: datetime | None = None  # of the next destructive act
    next_step: str = ""  # what comes next, in a few words: "deactivate", "final notice"
    reason: str = ""  # one sentence
    ticket: str = ""  # its key or URL
    snoozed_until: datetime | None = None
    exposed: bool = False  # AWS or somebody found it leaked: shown before all others


@dataclass(frozen=True, slots=True)
class HeldRow:
    """An act that a guard or a last check held back."""

    key_tail: str
    account: str
    act: str  # "deactivate", "delete", "notify"
    guard: str  # the same word as in `Snapshot.held`
    reason: str
    user: str = ""
    account_id: str = ""
    finding_id: str = ""


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """A delivery that waits, or that was given up. ``key_tail`` is masked."""

    id: str
    sink: str
    state: str  # "pending", "claimed", "failed", "ambiguous", "dead"
    key_tail: str
    user: str
    account_id: str
    account: str
    stage: str
    recipient: str
    attempts: int  # those that only found the sink down aside
    created_at: datetime
    next_attempt_at: datetime | None = None  # None: when a run decides
    why: str = ""
    passed_on: bool = False  # dead, but the fallback was told instead


@dataclass(frozen=True, slots=True)
class PlanRow:
    """A plan that waits at the brake, or that somebody has let through: ``done`` of its ``acts`` by now."""

    name: str  # as `keysteward approve` takes it
    acts: int
    since: datetime
    approved_by: str = ""  # empty: it waits
    approved_until: datetime | None = None
    done: int = 0


@dataclass(frozen=True, slots=True)
class HoldRow:
    """An act that one guard has held for over a week past its day. ``key_tail`` is masked."""

    finding_id: str
    key_tail: str
    user: str
    account_id: str
    account: str
    guard: str
    since: datetime


@dataclass(frozen=True, slots=True)
class TrailRow:
    """The audit trail as it was last read whole. ``breaks``: where it is not what was written."""

    read_at: datetime
    events: int
    breaks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SinkRow:
    """How a sink fares. ``resting``: what is for it waits; one message at a time tries whether it answers."""

    sink: str
    resting: bool = False
    until: datetime | None = None
    failures: int = 0  # in a row
    error: str = ""


@dataclass(frozen=True, slots=True)
class Sweep:
    """How a sweep over the fleet stands, or how the last one ended. Spans in seconds.

    ``done`` counts the ``failed`` and the ``resumed`` too. Rates are of the recent past; they and
    ``left_seconds`` are None while nothing can be said, and once it is over.
    """

    started_at: datetime
    under_way: bool
    phase: str  # "asking for reports", "reading accounts", …
    total: int
    done: int
    failed: int
    resumed: int  # from what an interrupted sweep had fetched
    retried: int  # asked once more after a failure
    calls: int  # to AWS, since it began
    elapsed_seconds: float
    calls_per_second: float | None = None
    accounts_per_second: float | None = None
    left_seconds: float | None = None

    @property
    def states(self) -> Mapping[str, int]:
        """Every account in exactly one state."""
        read = self.done - self.failed - self.resumed
        waiting = self.total - self.done
        return {"waiting": waiting, "read": read, "resumed": self.resumed, "failed": self.failed}


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that is shown. ``Snapshot()`` is valid: the service has just started, nothing is known."""

    version: str = ""
    mode: str = "observe"
    started_at: datetime | None = None
    taken_at: datetime | None = None  # the instant that this picture shows
    last_run: RunRecord | None = None
    last_runs: Mapping[str, datetime] = field(default_factory=dict)  # outcome -> its latest end
    next_run_at: datetime | None = None
    accounts: tuple[AccountState, ...] = ()
    accounts_by_outcome: Mapping[str, int] = field(default_factory=dict)  # success, failed, blocked, …
    leaks_unknown: int = 0  # accounts that were read, but not whether AWS knows of a leak, or of root keys
    stages: tuple[str, ...] = ()  # every stage's name, the mildest first
    credentials: Mapping[CountKey, int] = field(default_factory=dict)
    ages: Mapping[AgeKey, AgeHistogram] = field(default_factory=dict)
    findings: tuple[FindingRow, ...] = ()  # of the oldest credentials, 5,000 at the most
    findings_in_all: int = 0
    leaked: tuple[FindingRow, ...] = ()  # the exposed ones, on a ladder or not, 200 at the most
    oldest_ok: tuple[FindingRow, ...] = ()  # on no ladder: the oldest of what is fine
    due_within: Mapping[str, int] = field(default_factory=dict)  # of `DUE_WITHIN` -> credentials
    held: Mapping[str, int] = field(default_factory=dict)  # guard -> acts
    held_rows: tuple[HeldRow, ...] = ()
    pending: Mapping[str, int] = field(default_factory=dict)  # sink -> deliveries
    dead: Mapping[str, int] = field(default_factory=dict)  # sink -> deliveries
    uncopied: int | None = None  # audit events that are not in the copy yet; None: there is to be none
    trail: TrailRow | None = None  # None: it was not read yet
    plan: PlanRow | None = None  # None: the brake holds nothing
    long_holds: tuple[HoldRow, ...] = ()  # the longest first, 200 at the most
    long_holds_in_all: int = 0
    deliveries: tuple[DeliveryRow, ...] = ()  # that wait or are dead, the dead first, 200 at the most
    sinks: tuple[SinkRow, ...] = ()  # every configured one
    paused: Pause | None = None
    ledger_fault: str = ""  # what the ledger says in place of an answer, this very moment
    leader: bool = False
    config_reload_ok: bool = True
    config_loaded_at: datetime | None = None  # the one in force, or that comes into force with the next cycle
    config_faults: tuple[str, ...] = ()  # of the one that was refused, as `check-config` prints them
    calendar: Mapping[date, int] = field(default_factory=dict)  # day -> destructive acts due
    sweep: Sweep | None = None  # the one fact of this very moment; None: none has begun yet

    @property
    def exposed(self) -> Mapping[str, int]:
        """Account id -> credentials of users whom AWS has quarantined; without those that have none."""
        return {state.account_id: state.exposed for state in self.accounts if state.exposed}
