"""Each metric family of this service, built from plain data. Base units, timestamps rather than ages."""

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, product

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from app.model import Coverage, redact
from app.sinks.snapshot import AGE_BOUNDS_DAYS, DUE_WITHIN, FindingRow, Snapshot, Sweep
from app.telemetry import COUNTED, SCAN_BOUNDS_SECONDS, Counters

PREFIX = "keysteward_"
MAX_FINDING_SERIES = 5_000
AwsRequests = Mapping[tuple[str, str, str], int]  # (service, operation, outcome) -> requests
# Counted from zero on: of a series that begins with its first event, Prometheus sees no increase.
ACTS = tuple(product(("deactivate", "delete"), ("success", "held", "failed")))
DELIVERED = ("delivered", "failed", "dead")
COPIED = (("success",), ("failed",))
Samples = Iterable[tuple[Sequence[str], float]]


def about(snapshot: Snapshot) -> Iterator[Metric]:
    yield _gauge("build_info", "The running version.", ("version",), [((snapshot.version,), 1)])
    yield _gauge("leader", "1 if this replica is the one that acts.", (), [((), snapshot.leader)])
    paused = snapshot.paused is not None
    yield _gauge("paused", "1 while keysteward pause holds: nothing is sent or done.", (), [((), paused)])
    up = not snapshot.ledger_fault
    yield _gauge("ledger_up", "1 if the ledger answers; else nothing is sent or done.", (), [((), up)])
    yield _gauge(
        "config_last_reload_successful",
        "1 if the config was valid when it was last read.",
        (),
        [((), snapshot.config_reload_ok)],
    )
    loaded = snapshot.config_loaded_at
    yield _gauge(
        "config_last_reload_success_timestamp_seconds",
        "When the config was last read and valid.",
        (),
        [((), loaded.timestamp())] if loaded else [],
    )
    yield _gauge(
        "last_run_timestamp_seconds",
        "When the latest run of each outcome ended.",
        ("outcome",),
        [((outcome,), at.timestamp()) for outcome, at in snapshot.last_runs.items()],
    )


def credentials(snapshot: Snapshot) -> Iterator[Metric]:
    yield _gauge(
        "credentials",
        "Credentials by state: a stage's name, or ok, exempt, inactive, unknown.",
        ("account_id", "account", "kind", "state"),
        snapshot.credentials.items(),
    )
    yield _histogram(
        "credential_age_days",
        "Ages of the credentials, in days.",
        ("account_id", "account", "kind"),
        AGE_BOUNDS_DAYS,
        [(key, ages.counts, ages.sum_days) for key, ages in snapshot.ages.items()],
    )
    due = dict.fromkeys(DUE_WITHIN, 0) | dict(snapshot.due_within)
    yield _by("credentials_due", "Credentials with a destructive act due within a span.", "within", due)


def findings(snapshot: Snapshot, user_label: bool) -> Iterator[Metric]:
    """One series a finding, the oldest credentials first, so that a full house drops the youngest."""
    labels = ("account_id", "key", "kind", "rule", "state", *(("user",) if user_label else ()))
    keys = _unambiguous_keys(snapshot.findings)
    oldest = heapq.nsmallest(
        MAX_FINDING_SERIES, snapshot.findings, key=lambda row: (row.created, row.finding_id)
    )
    yield _gauge(
        "credential_created_timestamp_seconds",
        "When the credential of each open finding was created.",
        labels,
        [(_finding_labels(row, keys, user_label), row.created.timestamp()) for row in oldest],
    )
    dropped = max(snapshot.findings_in_all, len(snapshot.findings)) - len(oldest)
    yield _gauge(
        "compliant_created_timestamp_seconds",
        "When the oldest credentials that are ok were created.",
        ("account_id", "key", "kind", "rule"),
        _compliant(snapshot.oldest_ok),
    )
    yield _gauge("series_dropped", "Findings left out of the per-credential series.", (), [((), dropped)])


def accounts(snapshot: Snapshot) -> Iterator[Metric]:
    outcomes = {"success": 0, "failed": 0} | dict(snapshot.accounts_by_outcome)
    yield _by("accounts", "Accounts by the outcome of their latest scan.", "outcome", outcomes)
    yield _gauge(
        "account_last_success_timestamp_seconds",
        "When each account was last read whole.",
        ("account_id", "account"),
        [
            ((state.account_id, state.account), state.last_success.timestamp())
            for state in snapshot.accounts
            if state.last_success
        ],
    )
    yield _gauge(
        "accounts_leaks_unknown",
        "Accounts that the last run read, but not whether AWS knows of leaked keys, or of root keys.",
        (),
        [((), snapshot.leaks_unknown)],
    )
    # Of what was never read, and where nobody can tell, there is no series: a 0 would say that all is well.
    roots = {state.account_id: state.root_keys for state in snapshot.accounts if state.last_success}
    yield _by("root_access_keys", "Active access keys of the root user.", "account_id", roots)
    exposed = {state.account_id: state.exposed for state in snapshot.accounts if state.exposed is not None}
    yield _by(
        "exposed_credentials", "Active credentials of users whom AWS has quarantined.", "account_id", exposed
    )


def sweep(snapshot: Snapshot) -> Iterator[Metric]:
    """The sweep under way or, between two, the last one; and how much of the fleet the last run read."""
    going = snapshot.sweep
    yield _gauge(
        "scan_in_progress", "1 while a scan of all accounts is under way.", (), [((), _under_way(going))]
    )
    yield _gauge(
        "scan_started_timestamp_seconds",
        "When the scan under way, or the last one, began.",
        (),
        [((), going.started_at.timestamp())] if going else [],
    )
    states = going.states if going else {}
    yield _by("scan_accounts", "Accounts of the scan under way, or of the last one.", "state", states)
    coverage = Coverage.of(snapshot.accounts_by_outcome)
    yield _gauge(
        "scan_coverage_ratio",
        "Accounts that the last finished run read whole, of all that it was to read.",
        (),
        [((), coverage.ratio)] if coverage.total else [],
    )


def _under_way(going: Sweep | None) -> bool:
    return going is not None and going.under_way


def work(snapshot: Snapshot, counters: Counters, aws: AwsRequests) -> Iterator[Metric]:
    scans, seconds = counters.scans()
    yield _histogram(
        "scan_duration_seconds",
        "How long a scan of all accounts took.",
        (),
        SCAN_BOUNDS_SECONDS,
        [((), scans, seconds)],
    )
    yield _counter("aws_requests_total", "Requests to AWS.", ("service", "operation", "outcome"), aws.items())
    sinks = product(snapshot.pending, DELIVERED)
    yield _counted("deliveries_total", "Deliveries attempted, by outcome.", counters, sinks)
    yield _by("deliveries_pending", "Deliveries not sent yet.", "sink", snapshot.pending)
    yield _by("deliveries_dead", "Deliveries that can't succeed.", "sink", snapshot.dead)
    yield _by(
        "sink_breaker_open",
        "1 while a sink that kept failing is rested and probed: what is for it waits.",
        "sink",
        {row.sink: row.resting for row in snapshot.sinks},
    )
    yield _counted("actions_total", "Acts on credentials, by outcome.", counters, ACTS)
    waiting = [] if snapshot.uncopied is None else [((), snapshot.uncopied)]
    copies = COPIED if waiting else ()
    yield _counted("audit_copies_total", "Objects of the audit trail's copy, by outcome.", counters, copies)
    yield _gauge("audit_events_uncopied", "Audit events that are not in the copy yet.", (), waiting)
    trail = snapshot.trail
    yield _gauge(
        "audit_trail_intact",
        "1 if the audit trail was what was written when it was last read whole.",
        (),
        [((), not trail.breaks)] if trail else [],
    )
    yield _by("held_actions", "Acts that the latest run held back, by guard.", "guard", snapshot.held)


def _compliant(rows: Sequence[FindingRow]) -> list[tuple[Sequence[str], float]]:
    keys = _unambiguous_keys(rows)
    return [
        ((row.account_id, keys[row.finding_id], row.kind, row.rule), row.created.timestamp()) for row in rows
    ]


def _finding_labels(row: FindingRow, keys: Mapping[str, str], user_label: bool) -> tuple[str, ...]:
    user = (row.user,) if user_label else ()
    return (row.account_id, keys[row.finding_id], row.kind, row.rule, row.state, *user)


def _unambiguous_keys(rows: Sequence[FindingRow]) -> dict[str, str]:
    """The ``key`` label by finding id: four characters, and the finding's id where they clash."""
    tails = Counter((row.account_id, redact(row.key_tail)) for row in rows)
    return {
        row.finding_id: row.key_tail
        if tails[row.account_id, redact(row.key_tail)] == 1
        else f"{row.key_tail} ({row.finding_id})"
        for row in rows
    }


def _by(name: str, text: str, label: str, values: Mapping[str, int]) -> Metric:
    return _gauge(name, text, (label,), [((key,), value) for key, value in values.items()])


def _counted(name: str, text: str, counters: Counters, known: Iterable[tuple[str, ...]]) -> Metric:
    counts = dict.fromkeys(known, 0) | dict(counters.counts(name))
    return _counter(name, text, COUNTED[name], counts.items())


def _gauge(name: str, text: str, labels: Sequence[str], samples: Samples) -> Metric:
    return _filled(GaugeMetricFamily(PREFIX + name, text, labels=labels), samples)


def _counter(name: str, text: str, labels: Sequence[str], samples: Samples) -> Metric:
    return _filled(CounterMetricFamily(PREFIX + name, text, labels=labels), samples)


def _filled(family: GaugeMetricFamily | CounterMetricFamily, samples: Samples) -> Metric:
    for values, number in samples:
        family.add_metric(_shown(values), number)
    return family


def _histogram(
    name: str,
    text: str,
    labels: Sequence[str],
    bounds: Sequence[int],
    samples: Iterable[tuple[Sequence[str], Sequence[int], float]],
) -> Metric:
    family = HistogramMetricFamily(PREFIX + name, text, labels=labels)
    ends = [*(f"{bound}.0" for bound in bounds), "+Inf"]
    for values, counts, total in samples:
        family.add_metric(_shown(values), list(zip(ends, accumulate(counts), strict=True)), total)
    return family


def _shown(values: Sequence[str]) -> list[str]:
    return [redact(value) for value in values]
