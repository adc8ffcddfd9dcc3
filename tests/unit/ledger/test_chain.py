"""The form of what is sealed. It can't change: what is stored could not be verified any more."""

import hashlib
import json
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum

import pytest

from app.ledger.chain import GENESIS, Link, canonical, seal, seal_record, stamp
from app.model import Event, Origin
from tests.fakes.ledger_rows import KEY_ID

AT = datetime(2026, 6, 1, 9, 30, tzinfo=UTC)
EVENT = Event(
    AT,
    "ann@example.com",
    "snoozed",
    "111122223333",
    "KS-ABCDEFGHIJ",
    "…WS7X",
    'a "quoted" line\nand ünïcode \x7f \u2028 /',
    {"b": 1, "a": [True, None, "x"]},
    Origin("enforce", "c0ffee", "1.2.3"),
)
BODY = (
    r'{"account_id":"111122223333","at":"2026-06-01T09:30:00.000000+00:00","by":"ann@example.com",'
    r'"data":{"a":[true,null,"x"],"b":1},"detail":"a \"quoted\" line\nand ünïcode '
    "\x7f \u2028 /"
    r'","finding_id":"KS-ABCDEFGHIJ","key":"…WS7X",'
    r'"origin":{"mode":"enforce","policy":"c0ffee","version":"1.2.3"},"seq":1,"what":"snoozed"}'
)


class Word(StrEnum):
    ONE = "one"


def test_an_event_is_written_down_in_one_way_only() -> None:
    (sealed,) = seal([EVENT], Link())
    assert sealed.body == BODY
    assert sealed.hash == hashlib.sha256((GENESIS + BODY).encode()).hexdigest()
    assert sealed.hash == "2e9c390603aa66271d2bcf8d959cb9b0ff0f8771dac60cf6c1cd64dc1c180676"


def test_each_hash_goes_over_the_one_before_it() -> None:
    first, second = seal([EVENT, EVENT], Link())
    assert second.hash == hashlib.sha256((first.hash + second.body).encode()).hexdigest()
    assert [first, second] == [*seal([EVENT], Link()), *seal([EVENT], first.link)]


def test_what_was_parsed_and_written_again_is_the_same_text() -> None:
    assert canonical(json.loads(BODY)) == BODY


def test_the_fields_that_an_older_release_wrote_are_sealed_as_they_are() -> None:
    sealed = seal_record({"what": "paused", "at": stamp(AT)}, Link(6, "ab"))
    assert sealed.body == '{"at":"2026-06-01T09:30:00.000000+00:00","seq":7,"what":"paused"}'


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.5, '"0.5"'),
        (float("nan"), '"nan"'),
        (timedelta(days=1), '"1 day, 0:00:00"'),
        (AT.astimezone(timezone(timedelta(hours=2))), '"2026-06-01T09:30:00.000000+00:00"'),
        (Word.ONE, '"one"'),
        ({1: {KEY_ID: (1, 2)}}, '{"1":{"…WS7X":[1,2]}}'),
        (Origin("a"), '{"mode":"a","policy":"","version":""}'),
        ("a byte that is no UTF-8: \udcff", '"a byte that is no UTF-8: ?"'),
        (KEY_ID, '"…WS7X"'),
        ({KEY_ID: 1, "b": 2}, '{"b":2,"…WS7X":1}'),
        ({"\udcff": 1}, '{"?":1}'),
    ],
)
def test_whatever_is_handed_in_can_be_written(value: object, text: str) -> None:
    assert canonical({"a": value}) == f'{{"a":{text}}}'
