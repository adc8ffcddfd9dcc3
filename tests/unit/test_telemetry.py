"""Logs never hold a secret; counters add up."""

import io
import json
import logging
import threading
from collections.abc import Iterator
from datetime import datetime

import pytest
from jinja2 import Environment

from app import spreadsheet
from app.telemetry import Counters, Redactor, configure_logging, log_fields

KEY = "AKIAIOSFODNN7EXAMPLE"
SECRET = 'xoxb-"quoted"/and\\slashed'


@pytest.fixture(autouse=True)
def untouched_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers = handlers
    root.setLevel(level)
    logging.captureWarnings(False)


def lines_of(as_json: bool, redactor: Redactor | None = None) -> io.StringIO:
    stream = io.StringIO()
    configure_logging("info", as_json, stream, redactor or Redactor())
    return stream


def fail_with(text: str) -> None:
    try:
        raise RuntimeError(text)
    except RuntimeError:
        logging.getLogger("test").exception("failed: %s", text)


def test_a_json_line_has_time_level_logger_message_and_fields() -> None:
    stream = lines_of(as_json=True)
    logging.getLogger("app.scan").info("scanned %d", 3, **log_fields(accounts=3, message="not this"))
    line = json.loads(stream.getvalue())
    assert datetime.fromisoformat(line.pop("timestamp")).utcoffset() is not None
    assert line == {"level": "info", "logger": "app.scan", "message": "scanned 3", "accounts": 3}


def test_people_read_the_message_and_its_fields_on_one_line() -> None:
    stream = lines_of(as_json=False)
    logging.getLogger("app.scan").warning("slow", **log_fields(seconds=9))
    assert stream.getvalue().endswith("WARNING slow  seconds=9\n")


@pytest.mark.parametrize("as_json", [True, False])
def test_key_ids_are_masked_in_messages_fields_and_exceptions(as_json: bool) -> None:
    stream = lines_of(as_json)
    logging.getLogger("test").info("key %s", KEY, **log_fields(key=KEY, deep=[{KEY: KEY}]))
    fail_with(f"no such key {KEY}")
    assert KEY not in stream.getvalue()
    assert "RuntimeError: no such key …MPLE" in stream.getvalue()


@pytest.mark.parametrize("as_json", [True, False])
def test_registered_secrets_are_masked_however_they_are_written(as_json: bool) -> None:
    redactor = Redactor()
    redactor.add(SECRET)
    stream = lines_of(as_json, redactor)
    fail_with(f"token {SECRET} in https://x/?t=xoxb-%22quoted%22%2Fand%5Cslashed was refused")
    assert "quoted" not in stream.getvalue()
    assert stream.getvalue().count("[secret]") >= 4


def test_a_secret_is_masked_in_a_page_and_in_a_spreadsheet_too() -> None:
    redactor, secret = Redactor(), "a<b>&'c\"d"
    redactor.add(secret)
    page = Environment(autoescape=True).from_string("<p>{{ text }}</p>").render(text=f"by {secret}: no")
    assert redactor(page) == "<p>by [secret]: no</p>"
    assert redactor(spreadsheet.line([secret])) == '"[secret]"\n'


def test_a_secret_that_is_part_of_another_leaves_no_rest() -> None:
    redactor = Redactor()
    redactor.add("hunter2")
    redactor.add("hunter2-and-more")
    assert redactor("it is hunter2-and-more.") == "it is [secret]."


def test_an_empty_secret_blanks_nothing() -> None:
    redactor = Redactor()
    redactor.add("")
    assert redactor("plain") == "plain"


def test_a_broken_log_call_shows_where_but_never_what() -> None:
    stream = lines_of(as_json=True)
    logging.getLogger("test").info("%d keys", KEY)
    assert stream.getvalue().startswith("a log record of test:")
    assert KEY not in stream.getvalue()


def test_chatty_libraries_are_heard_from_warning_on() -> None:
    stream = lines_of(as_json=True)
    for name in ("botocore.hooks", "urllib3.connectionpool", "apscheduler.scheduler", "waitress.queue"):
        logging.getLogger(name).info("chat")
        logging.getLogger(name).warning("trouble")
    assert [json.loads(line)["message"] for line in stream.getvalue().splitlines()] == ["trouble"] * 4


def test_counters_lose_nothing_between_threads() -> None:
    counters = Counters()

    def add_many() -> None:
        for _ in range(1000):
            counters.add("actions_total", action="delete", outcome="done")

    threads = [threading.Thread(target=add_many) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counters.counts("actions_total") == {("delete", "done"): 4000}


def test_an_unknown_counter_or_a_missing_label_is_a_mistake() -> None:
    with pytest.raises(KeyError):
        Counters().add("nothing_total")
    with pytest.raises(KeyError):
        Counters().add("actions_total", action="delete")
