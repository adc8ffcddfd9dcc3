"""Structured logs that never hold a secret, and the counters that only grow while the process lives."""

import json
import logging
import threading
from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from html import escape
from typing import Any, Final, TextIO
from urllib.parse import quote

from app.model import redact

MASK = "[secret]"
SHORTEST_SECRET = 4  # a shorter one would blank out half of every line
CHATTY = ("alembic", "apscheduler", "boto3", "botocore", "jira", "moto", "s3transfer", "slack_sdk")
CHATTY_SERVERS = ("urllib3", "waitress", "werkzeug")

# The names, without their prefix, and the labels of everything that is only ever added to.
COUNTED: Final[Mapping[str, tuple[str, ...]]] = {
    "deliveries_total": ("sink", "outcome"),
    "actions_total": ("action", "outcome"),
    "audit_copies_total": ("outcome",),
}
SCAN_BOUNDS_SECONDS = (1, 5, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200)


class Redactor:
    """Masks access key ids and every secret it was told of, as they are and as JSON, HTML, CSV or a URL write
    them."""

    def __init__(self) -> None:
        self._secrets: frozenset[str] = frozenset()

    def add(self, secret: str) -> None:
        if len(secret) >= SHORTEST_SECRET:
            doubled = secret.replace('"', '""')  # CSV
            forms = {secret, json.dumps(secret)[1:-1], quote(secret, safe=""), _as_html(secret), doubled}
            self._secrets = self._secrets | forms

    def __call__(self, text: str) -> str:
        # The longest first: one secret may be a part of another.
        for secret in sorted(self._secrets, key=len, reverse=True):
            text = text.replace(secret, MASK)
        return redact(text)


def _as_html(text: str) -> str:
    """As Jinja does it."""
    return escape(text, quote=False).replace('"', "&#34;").replace("'", "&#39;")


redactor = Redactor()  # the process has one: a secret is registered where it is read


def log_fields(**fields: Any) -> dict[str, Any]:
    """Structured extras: ``log.info("scanned", **log_fields(accounts=3))``."""
    return {"extra": {"fields": fields}}


class _Formatter(logging.Formatter):
    """Redacts the finished line, so nothing slips by in an argument, a field or a traceback."""

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        return self._redactor(self.line(record, getattr(record, "fields", {})))

    def line(self, record: logging.LogRecord, fields: Mapping[str, Any]) -> str:
        raise NotImplementedError

    def _trace(self, record: logging.LogRecord) -> str:
        return self.formatException(record.exc_info) if record.exc_info else ""


class JsonLines(_Formatter):
    """One JSON object a line; ``timestamp`` is ISO 8601 in UTC."""

    def line(self, record: logging.LogRecord, fields: Mapping[str, Any]) -> str:
        data: dict[str, Any] = {
            **fields,  # first: a field can't take the place of what every line has
            "timestamp": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if trace := self._trace(record):
            data["exception"] = trace
        return json.dumps(data, default=str, ensure_ascii=False)


class ForPeople(_Formatter):
    """A line for a terminal: time in UTC, level, message, fields."""

    def line(self, record: logging.LogRecord, fields: Mapping[str, Any]) -> str:
        time = datetime.fromtimestamp(record.created, UTC).strftime("%H:%M:%SZ")
        extras = "".join(f"  {name}={value}" for name, value in fields.items())
        trace = self._trace(record)
        return f"{time} {record.levelname:<7} {record.getMessage()}{extras}" + (f"\n{trace}" if trace else "")


class _SafeHandler(logging.StreamHandler[TextIO]):
    """The standard handler prints a broken record's arguments, unredacted, to stderr: this one does not."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 (the base class names it)
        try:
            self.stream.write(f"a log record of {record.name}:{record.lineno} could not be written\n")
        except (OSError, ValueError):
            return  # stderr is gone: a log line is no reason to stop


def configure_logging(level: str, json: bool, stream: TextIO, redactor: Redactor = redactor) -> None:
    """Sends all logs to ``stream``, replacing what was configured. ``level``: DEBUG … CRITICAL, any case."""
    handler = _SafeHandler(stream)
    handler.setFormatter(JsonLines(redactor) if json else ForPeople(redactor))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for name in (*CHATTY, *CHATTY_SERVERS):
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.captureWarnings(True)


class Counters:
    """What the service did since it started. Safe to use from any thread; read at each scrape."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[str, Counter[tuple[str, ...]]] = {name: Counter() for name in COUNTED}
        self._scans = [0] * (len(SCAN_BOUNDS_SECONDS) + 1)
        self._scan_seconds = 0.0

    def add(self, name: str, amount: int = 1, **labels: str) -> None:
        """Adds to one of `COUNTED`; raises KeyError on a name or a label that is not in that table."""
        values = tuple(labels[label] for label in COUNTED[name])
        with self._lock:
            self._counts[name][values] += amount

    def counts(self, name: str) -> Mapping[tuple[str, ...], int]:
        """Label values, in the order of `COUNTED`, to the number so far."""
        with self._lock:
            return dict(self._counts[name])

    def observe_scan(self, seconds: float) -> None:
        """Records how long one scan of all accounts took."""
        with self._lock:
            self._scans[bisect_left(SCAN_BOUNDS_SECONDS, seconds)] += 1
            self._scan_seconds += seconds

    def scans(self) -> tuple[tuple[int, ...], float]:
        """One number a bound of `SCAN_BOUNDS_SECONDS` and a last one for longer; the sum in seconds."""
        with self._lock:
            return tuple(self._scans), self._scan_seconds
