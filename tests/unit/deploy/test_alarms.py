"""The alarms read the log: what they look for is what is written there."""

import io
import json
import logging
import re
from pathlib import Path
from typing import Any

import pytest

from app.telemetry import JsonLines, Redactor

ROOT = Path(__file__).parents[3]
ALARMS = (ROOT / "deploy" / "terraform" / "modules" / "logs" / "main.tf").read_text()
RUN = (ROOT / "app" / "service" / "run_once.py").read_text()


@pytest.fixture
def out() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def log(out: io.StringIO) -> logging.Logger:
    made = logging.Logger("test")
    handler = logging.StreamHandler(out)
    handler.setFormatter(JsonLines(Redactor()))
    made.addHandler(handler)
    return made


def pattern(name: str) -> dict[str, set[str]]:
    """Of that metric filter: each field with the values that count."""
    [text] = re.findall(rf'-{name}"\n  log_group_name.*\n  pattern +=\s*"{{(.+)}}"\n', ALARMS)
    found: dict[str, set[str]] = {}
    for field, value in re.findall(r'\$\.(\w+) = \\"([\w ]+)\\"', text):
        found.setdefault(field, set()).add(value)
    return found


def line(out: io.StringIO) -> Any:
    return json.loads(out.getvalue())


@pytest.mark.parametrize(
    ("level", "counts"), [("info", False), ("warning", False), ("error", True), ("critical", True)]
)
def test_an_error_is_one_by_its_level(
    log: logging.Logger, out: io.StringIO, level: str, counts: bool
) -> None:
    getattr(log, level)("anything")
    assert (line(out)["level"] in pattern("errors")["level"]) is counts


def test_a_finished_run_is_told_in_these_words(log: logging.Logger, out: io.StringIO) -> None:
    [words] = pattern("runs")["message"]
    assert f'log.info("{words}"' in RUN
    log.info(words)
    assert line(out)["message"] == words
