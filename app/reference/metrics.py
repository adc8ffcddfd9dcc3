"""The metrics, as the collector describes them to Prometheus."""

from collections.abc import Iterator

from prometheus_client.core import Metric

from app.reference.markdown import code, prose, table
from app.sinks.prometheus.collector import SnapshotCollector
from app.sinks.snapshot import Snapshot
from app.telemetry import Counters

_INTRO = """\
## Prometheus metrics

`/metrics` answers everywhere. Times are Unix seconds. A histogram has `_bucket`, `_sum` and `_count`. With
`metrics.user_label` the series of single credentials have the label `user` too. Besides these there are the
`python_` and `process_` metrics of the process itself.
"""


def metrics() -> Iterator[str]:
    """The lines of the metrics' part."""
    yield _INTRO
    found = SnapshotCollector(Snapshot, Counters()).describe()
    yield from table(("Metric", "Type", "Labels", "What it is"), map(_row, found))


def _row(metric: Metric) -> tuple[str, ...]:
    name = f"{metric.name}_total" if metric.type == "counter" else metric.name
    labels = ", ".join(map(code, _labels(metric)))
    return code(name), metric.type, labels, prose(metric.documentation)


def _labels(metric: Metric) -> tuple[str, ...]:
    """A family without a sample tells its labels nowhere else."""
    return tuple(getattr(metric, "_labelnames", ()))
