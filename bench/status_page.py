"""How long the status page takes over many findings: ``python -m bench.status_page [FINDINGS]``."""

import statistics
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from flask.testing import FlaskClient

from app.clock import FixedClock
from app.service.snapshot import FindingRow, Health, Snapshot, SnapshotHolder
from app.sinks.prometheus import SnapshotCollector, build_registry
from app.telemetry import Counters
from app.web import create_app

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
TIMES = 7
ADDRESSES = (
    "/",
    "/findings",
    "/findings?q=user-00123&sort=-owner",
    "/findings?state=warn&sort=user&page=100",
    "/findings.csv",
    "/findings.json",
)


def rows(number: int) -> Iterator[FindingRow]:
    for n in range(number):
        yield FindingRow(
            finding_id=f"KS-{n:010}",
            account_id=f"{n % 1000:012}",
            account=f"team-{n % 1000}",
            user=f"user-{n:05}",
            key_tail=f"…{n:04}",
            created=NOW - timedelta(days=76 + n % 700),
            rule="default",
            state="warn" if n % 3 else "final",
            owner=f"owner-{n % 400}@example.com",
            last_used="2 h ago by s3 in eu-central-1",
            due_at=NOW + timedelta(days=n % 60),
            next_step="deactivate",
            reason="Rule 'default', stage 'warn' (age 75 days): created 76 days ago",
        )


def client(number: int) -> FlaskClient:
    holder = SnapshotHolder(Snapshot(taken_at=NOW, findings=tuple(rows(number)), findings_in_all=number))
    registry = build_registry(SnapshotCollector(holder.get, Counters()))
    health = Health(time.monotonic, lambda: None)
    return create_app(holder, health, registry, public_page=False, clock=FixedClock(NOW)).test_client()


def measure(asked: FlaskClient, address: str) -> tuple[float, int]:
    """The median of CPU milliseconds, and the bytes of the answer."""
    size, spent = len(asked.get(address).data), []
    for _ in range(TIMES):
        before = time.thread_time()
        asked.get(address)
        spent.append(1000 * (time.thread_time() - before))
    return statistics.median(spent), size


def main() -> None:
    asked = client(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
    for address in ADDRESSES:
        spent, size = measure(asked, address)
        print(f"{address:42} {spent:6.0f} ms {size / 1024:7.0f} KiB")


if __name__ == "__main__":
    main()
