"""The service board: whether Keysteward itself is well, what it does, and what waits for a person."""

from dashboards.board import INSTALLATION, About, Board, lay_out, variable
from dashboards.panels import (
    BAD_AT_ZERO,
    GOOD_AT_ZERO,
    GREEN,
    ORANGE,
    RED,
    WARN_ABOVE_ZERO,
    Column,
    Frame,
    Panels,
    Query,
    Steps,
    grew,
    lines,
    newest,
    number,
    or_none,
    rate,
    rows,
    worst,
)

ABOUT = About(
    "keysteward-service",
    "Keysteward: service",
    "Whether the service is well: freshness, scans, calls to AWS, deliveries, guards, leader, ledger, audit "
    "trail.",
    "now-24h",
    ("Fleet", "keysteward-fleet"),
)
FRESH: Steps = ((None, GREEN), (25_200, ORANGE), (46_800, RED))  # seconds: over one and two default schedules
DONE = 'outcome=~"success|partial"'
LISTED = 'outcome=~"success|failed|blocked"'
WAITS = 'guard!~"notices|notices_per_run"'
READ = newest("account_last_success_timestamp_seconds", "account_id", "account")


def board() -> Board:
    groups = (
        ("Now", (*_running(), *_replicas())),
        ("Waiting for a person", (*_held(), *_unsent())),
        ("Scans", (*_scans(), *_freshness())),
        ("Calls to AWS", _aws()),
        ("Deliveries and acts", _work()),
        ("Audit trail and process", _process()),
    )
    return lay_out(ABOUT, groups, (variable("job", "Installation", INSTALLATION),))


def _running() -> Panels:
    last = newest("last_run_timestamp_seconds", where=DONE)
    frames = (
        Frame(
            "Replicas up",
            "Replicas that answer Prometheus. Runbook: KeystewardDown, KeystewardReplicaDown.",
            (Query('sum(up{job=~"$job"})'),),
            steps=BAD_AT_ZERO,
        ),
        Frame(
            "Last run",
            "How long ago a run ended that listed the accounts and read what it could. "
            "Runbook: KeystewardScanStale.",
            (Query(f"time() - max({last})"),),
            unit="s",
            steps=FRESH,
            decimals=1,
            none="none yet",
        ),
        Frame(
            "Read whole",
            "Of the accounts that the last finished run was to read, those that it read whole.",
            (Query(f"max({newest('scan_coverage_ratio')}) or vector(0)"),),
            unit="percentunit",
            steps=((None, RED), (0.9, ORANGE), (1, GREEN)),
            decimals=1,
        ),
        Frame(
            "Leaders",
            "Replicas that act. None is well between a restart and the next run; two for long is not. "
            "Runbook: KeystewardNoLeader, KeystewardTwoLeaders.",
            (Query('sum(keysteward_leader{job=~"$job"})'),),
            steps=((None, ORANGE), (1, GREEN), (2, RED)),
        ),
    )
    return tuple(map(number, frames))


def _replicas() -> Panels:
    alerts = 'count(ALERTS{alertname=~"Keysteward.*",alertstate="firing"}) or vector(0)'
    frames = (
        Frame(
            "Ledger",
            "Down as soon as one replica can't reach it: nothing is sent or done. Runbook: "
            "KeystewardLedgerDown.",
            (Query(worst("ledger_up")),),
            unit="bool_on_off",
            steps=BAD_AT_ZERO,
            words={"0": ("down", RED), "1": ("up", GREEN)},
            none="unknown",
        ),
        Frame(
            "Config",
            "Refused as soon as one replica refused what it read last; the earlier one stays in force. "
            "Runbook: KeystewardConfigReloadFailed.",
            (Query(worst("config_last_reload_successful")),),
            unit="bool_on_off",
            steps=BAD_AT_ZERO,
            words={"0": ("refused", RED), "1": ("valid", GREEN)},
            none="unknown",
        ),
        Frame(
            "Audit trail",
            "Whether it was what was written, when it was last read whole: `keysteward history --verify`. "
            "Runbook: KeystewardAuditTrailBroken.",
            (Query(worst("audit_trail_intact")),),
            unit="bool_on_off",
            steps=BAD_AT_ZERO,
            words={"0": ("altered", RED), "1": ("intact", GREEN)},
            none="not read yet",
        ),
        Frame(
            "Alerts firing",
            "Of the alerts in rules/keysteward.yaml; docs/runbooks.md says what to do about each.",
            (Query(alerts),),
            steps=GOOD_AT_ZERO,
        ),
    )
    return tuple(map(number, frames))


def _sum(metric: str, label: str, where: str = "") -> tuple[Query]:
    return (Query(f"sum({newest(metric, label, where=where)}) or vector(0)"),)


def _held() -> Panels:
    frames = (
        Frame(
            "Paused",
            "While `keysteward pause` holds, nothing is sent or done. Runbook: KeystewardPausedLong.",
            (Query(f"max({newest('paused')})"),),
            unit="bool_on_off",
            steps=WARN_ABOVE_ZERO,
            words={"0": ("no", GREEN), "1": ("paused", ORANGE)},
        ),
        Frame(
            "Held at the brake",
            "Acts of a plan that waits for `keysteward approve`. Runbook: KeystewardPlanHeld.",
            _sum("held_actions", "guard", 'guard="brake"'),
            steps=GOOD_AT_ZERO,
        ),
        Frame(
            "Failed acts",
            "Deactivations and deletions that failed in the latest run. Runbook: KeystewardActFailed.",
            _sum("held_actions", "guard", 'guard="act_failed"'),
            steps=GOOD_AT_ZERO,
        ),
        Frame(
            "Versions",
            "Different versions among the replicas: more than one is well during a deploy only.",
            (Query('count(count by (version) (keysteward_build_info{job=~"$job"}))'),),
            steps=((None, GREEN), (2, ORANGE)),
        ),
    )
    return tuple(map(number, frames))


def _unsent() -> Panels:
    behind = newest("audit_events_uncopied")
    frames = (
        Frame(
            "Dead letters",
            "Deliveries that were given up: `keysteward deliveries` lists them. "
            "Runbook: KeystewardDeliveriesDead.",
            _sum("deliveries_dead", "sink"),
            steps=GOOD_AT_ZERO,
        ),
        Frame("To be delivered", "Not sent yet, or to be tried again.", _sum("deliveries_pending", "sink")),
        Frame(
            "Sinks at rest",
            "Sinks that kept failing: what is for them waits, and leaves when they answer. "
            "Runbook: KeystewardSinkDown.",
            _sum("sink_breaker_open", "sink"),
            steps=WARN_ABOVE_ZERO,
        ),
        Frame(
            "Events to copy",
            "Audit events that are not in the copy yet; 0 without `audit.s3`. "
            "Runbook: KeystewardAuditCopyBehind.",
            (Query(f"max({behind}) or vector(0)"),),
        ),
    )
    return tuple(map(number, frames))


def _graph(title: str, text: str, *queries: Query, unit: str = "short", width: int = 12) -> Frame:
    """``decimals`` are left to Grafana, whose axes know best."""
    return Frame(title, text, queries, unit=unit, width=width, height=8, decimals=None, none="none yet")


def _scans() -> Panels:
    ended, began = newest("last_run_timestamp_seconds", where=DONE), newest("scan_started_timestamp_seconds")
    seconds, scans = (f'keysteward_scan_duration_seconds_{part}{{job=~"$job"}}' for part in ("sum", "count"))
    standing = _graph(
        "Accounts of the scan",
        "Of the one under way or else the last: waiting, read, resumed from an interrupted one, failed.",
        Query(f"sum by (state) ({newest('scan_accounts', 'state')})", "{{state}}"),
        width=8,
    )
    outcomes = _graph(
        "Accounts by outcome",
        "Of the last run. Blocked: a policy of the organization forbids it. A failed account keeps its last "
        "known "
        "counts. Runbook: KeystewardAccountFailing.",
        Query(f"sum by (outcome) ({newest('accounts', 'outcome', where=LISTED)})", "{{outcome}}"),
        width=8,
    )
    spans = _graph(
        "How long a run takes",
        "The last one, messages and acts included; and the mean of the scans alone since the service "
        "started. "
        "Runbook: KeystewardScanSlow.",
        Query(f"max({ended}) - max({began}) > 0", "last run"),
        Query(f"sum({seconds}) / (sum({scans}) > 0)", "mean scan"),
        unit="s",
        width=8,
    )
    grey = {"waiting": "#8e8e8e", "read": GREEN, "failed": RED}
    return (
        lines(standing, stacked=True, colours=grey),
        lines(outcomes, colours={"success": GREEN, "failed": RED, "blocked": ORANGE}),
        lines(spans),
    )


def _freshness() -> Panels:
    stalest = Query(f"topk(20, time() - max by (account_id, account) ({READ}))")
    accounts = _graph(
        "Stalest accounts",
        "The twenty that were read whole the longest ago. One that was never read is among the failed ones "
        "only.",
        stalest,
    )
    ages = newest("last_run_timestamp_seconds", "outcome")
    since = _graph(
        "Time since the last run",
        "By its outcome. It falls to zero at the end of each run; if it only climbs, none comes.",
        Query(f"time() - max by (outcome) ({ages})", "{{outcome}}"),
        unit="s",
    )
    columns = (
        Column("account", "Account"),
        Column("account_id", "Id"),
        Column("Value", "Read", "s", FRESH, 1),
    )
    return (
        rows(accounts, columns, sort_by="Read"),
        lines(since, colours={"success": GREEN, "partial": ORANGE, "failed": RED}),
    )


def _aws() -> Panels:
    operations = _graph(
        "Requests by operation",
        "Of all replicas. Their number grows with accounts and with what is due, not with users.",
        Query(rate("aws_requests_total", "service", "operation"), "{{service}}: {{operation}}"),
        unit="reqps",
    )
    outcomes = _graph(
        "Requests by outcome",
        "Throttled requests are tried again, slower; denied ones show among the accounts that are not read.",
        Query(rate("aws_requests_total", "outcome"), "{{outcome}}"),
        unit="reqps",
    )
    return lines(operations, stacked=True), lines(outcomes)


def _work() -> Panels:
    pending, dead = newest("deliveries_pending", "sink"), newest("deliveries_dead", "sink")
    guards = newest("held_actions", "guard", where=WAITS)
    frames = (
        _graph(
            "Deliveries",
            "Messages and tickets that were tried, in each step of the graph.",
            Query(grew("deliveries_total", "sink", "outcome"), "{{sink}}: {{outcome}}"),
            width=6,
        ),
        _graph(
            "Not delivered",
            "What waits to be sent or tried again, and what was given up, by sink.",
            Query(f"sum by (sink) ({pending})", "{{sink}}: waiting"),
            Query(f"sum by (sink) ({dead})", "{{sink}}: dead"),
            width=6,
        ),
        _graph(
            "Acts",
            "Deactivations and deletions in each step of the graph: done, held by a last check, or failed.",
            Query(or_none(grew("actions_total", "action", "outcome"), "action"), "{{action}} {{outcome}}"),
            width=6,
        ),
        _graph(
            "Held, by guard",
            "Acts that the latest run held back. `deactivations_per_run` only paces; `brake`, `canary`, "
            "`clock` and "
            "`pause` wait for somebody. What merely waits for its notices is left out.",
            Query(or_none(f"sum by (guard) ({guards})", "guard"), "{{guard}}"),
            width=6,
        ),
    )
    return tuple(map(lines, frames))


def _process() -> Panels:
    frames = (
        _graph(
            "Copies of the audit trail",
            "Objects written to S3 in each step of the graph, by outcome; none without `audit.s3`.",
            Query(or_none(grew("audit_copies_total", "outcome"), "outcome"), "{{outcome}}"),
            width=6,
        ),
        _graph(
            "Memory",
            "Resident memory of each replica. It grows with accounts, not with their users.",
            Query('process_resident_memory_bytes{job=~"$job"}', "{{instance}}"),
            unit="bytes",
            width=6,
        ),
        _graph(
            "Processor",
            "Of one core, by replica.",
            Query('rate(process_cpu_seconds_total{job=~"$job"}[$__rate_interval])', "{{instance}}"),
            unit="percentunit",
            width=6,
        ),
        _graph(
            "Open files",
            "File descriptors of each replica. A line that only climbs is a leak.",
            Query('process_open_fds{job=~"$job"}', "{{instance}}"),
            width=6,
        ),
    )
    return tuple(map(lines, frames))
