"""Turns the latest snapshot into metrics at each scrape: nothing lingers that is no longer true."""

from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from app.sinks.prometheus import families
from app.sinks.snapshot import Snapshot
from app.telemetry import Counters


class SnapshotCollector(Collector):
    """Observes through callables, so that a scrape never waits for a run.

    ``aws_requests`` gives (service, operation, outcome) -> requests since the start.
    ``user_label``: name the user on per-credential series (off by default: some names are people's).
    """

    def __init__(
        self,
        snapshot: Callable[[], Snapshot],
        counters: Counters,
        aws_requests: Callable[[], families.AwsRequests] = dict,
        user_label: bool = False,
    ) -> None:
        self._snapshot = snapshot
        self._counters = counters
        self._aws_requests = aws_requests
        self.user_label = user_label

    def describe(self) -> Iterator[Metric]:
        """Every family, so that the registry refuses a second one of the same name."""
        return self._families(Snapshot(), Counters(), {})

    def collect(self) -> Iterator[Metric]:
        return self._families(self._snapshot(), self._counters, self._aws_requests())

    def _families(
        self, snapshot: Snapshot, counters: Counters, aws: families.AwsRequests
    ) -> Iterator[Metric]:
        yield from families.about(snapshot)
        yield from families.credentials(snapshot)
        yield from families.findings(snapshot, self.user_label)
        yield from families.accounts(snapshot)
        yield from families.sweep(snapshot)
        yield from families.work(snapshot, counters, aws)


def build_registry(collector: Collector) -> CollectorRegistry:
    """A registry of its own (the library's global one is shared), with the process's own metrics."""
    registry = CollectorRegistry()
    registry.register(collector)
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    GCCollector(registry=registry)
    return registry
