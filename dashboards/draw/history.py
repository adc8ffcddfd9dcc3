"""Seven weeks of metrics of the demo's fleet, for the pictures: `python history.py > history.om`.

The real service runs once a simulated day over the demo's fake organization, up to today. What its
collector then says is written as OpenMetrics, again each three hours, for
`promtool tsdb create-blocks-from openmetrics`.
"""

import io
import logging
import sys
from collections import defaultdict
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from prometheus_client.core import Metric
from rich.console import Console

from app import __version__
from app.demo.aws import fake_aws
from app.demo.walk import DAYS, Walk, prepare, temporary_folder
from app.service.picture import picture
from app.service.run_once import run_once
from app.service.trail import read_trail
from app.sinks.prometheus.collector import SnapshotCollector, build_registry
from app.sinks.snapshot import Snapshot

LABELS = {"job": "keysteward", "instance": "keysteward-0"}
EVERY = timedelta(hours=3)
ROTATIONS = {6: "maria.gomez", 9: "ann.lee", 29: "ci-deploy"}
Lines = defaultdict[str, list[str]]


def walked(walk: Walk) -> Lines:
    """The samples of the whole walk, by metric family."""
    lines: Lines = defaultdict(list)
    holder = [Snapshot(version=__version__)]
    calls = walk.service.sessions.calls.snapshot
    registry = build_registry(SnapshotCollector(lambda: holder[0], walk.service.counters, calls))
    for day in range(DAYS):
        now = _live(walk, day)
        parts = walk.service.parts()
        report = run_once(parts)
        walk.service.counters.observe_scan(report.scan_seconds or 0)
        seen = replace(picture(parts, report, holder[0]), trail=read_trail(parts))
        holder[0] = replace(seen, sweep=walk.service.pulse.sweep())
        _sample(lines, list(registry.collect()), now)
    return lines


def _live(walk: Walk, day: int) -> datetime:
    now = walk.start + timedelta(days=day)
    walk.clock.set(now)
    walk.organization.work(now)
    if day in ROTATIONS:
        walk.organization.rotate(ROTATIONS[day], now)
    return now


def _sample(lines: Lines, families: list[Metric], now: datetime) -> None:
    for family in [*families, _up()]:
        for step in range(8):
            at = (now + step * EVERY).timestamp()
            for sample in family.samples:
                labels = ",".join(f'{name}="{value}"' for name, value in {**sample.labels, **LABELS}.items())
                lines[family.name].append(f"{sample.name}{{{labels}}} {float(sample.value)} {at:.0f}")


def _up() -> Metric:
    up = Metric("up", "Prometheus's own.", "gauge")
    up.add_sample("up", {}, 1)
    return up


def main() -> None:
    logging.basicConfig(level=logging.CRITICAL)
    denied: set[str] = set()
    with temporary_folder() as folder, fake_aws(denied):
        today = datetime.now(UTC) - timedelta(hours=1)
        walk = prepare(Path(folder), Console(file=io.StringIO()), False, today)
        denied.add(walk.organization.ids["legacy-billing"])
        for family in walked(walk).values():
            sys.stdout.writelines(f"{line}\n" for line in family)
        walk.service.ledger.close()
    sys.stdout.write("# EOF\n")


if __name__ == "__main__":
    main()
