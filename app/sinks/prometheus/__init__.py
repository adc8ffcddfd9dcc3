"""Metrics: what Prometheus scrapes, drawn from the latest snapshot."""

from app.sinks.prometheus.collector import SnapshotCollector, build_registry

__all__ = ["SnapshotCollector", "build_registry"]
