"""Rows of the ledger: a damaged one is refused, or an act could rest on what nobody ever wrote."""

import json
from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any

import pytest
from hypothesis import strategies as st

from app.errors import LedgerError
from app.ledger import rows
from app.ledger.chain import Link
from app.ledger.rows import Codec
from app.model import DeliveryState
from tests.fakes.ledger_rows import NOW, PAUSE, WHOLE, delivery
from tests.fuzz import texts, trees
from tests.fuzz.attack import attack, each_effort, tried

# One whole row of each kind, or several.
WRITTEN: Mapping[str, tuple[Any, ...]] = {
    "FACTS": WHOLE.facts,
    "FINDING": WHOLE.findings,
    "DELIVERY": (*WHOLE.deliveries, delivery(state=DeliveryState.CLAIMED)),
    "SNOOZE": WHOLE.snoozes,
    "REFUSAL": WHOLE.refusals,
    "EVENT": WHOLE.events,
    "ACCOUNT": WHOLE.accounts,
    "USER": WHOLE.users,
    "HELD_PLAN": WHOLE.held_plans,
    "APPROVAL": WHOLE.approvals,
    "HOLD": WHOLE.holds,
    "TRIAL": (WHOLE.canary,),
    "BREAKER": WHOLE.breakers,
    "RUN": (WHOLE.run,),
    "PAUSE": (PAUSE,),
    "LINK": (Link(7, "ab" * 32),),
    "COPY": WHOLE.copies,
}
CODECS: Mapping[str, Codec[Any]] = {name: it for name, it in vars(rows).items() if isinstance(it, Codec)}
BODIES = {name: [CODECS[name].dump(row) for row in some] for name, some in WRITTEN.items()}


def unzone(draw: st.DrawFn, text: str) -> str:
    """An instant as somebody types it into a database."""
    stamp = NOW.isoformat().replace("+00:00", "Z")
    odd = (NOW.isoformat()[:-6], "2026-06-01", "1780306215", "2026-06-01T09:30:15+05:30", "now", "")
    return text.replace(stamp, draw(st.sampled_from(odd)), 1)


SPOILED = {
    name: st.one_of(
        texts.spoiled(bodies, unzone), trees.spoiled(list(map(json.loads, bodies))).map(json.dumps)
    )
    for name, bodies in BODIES.items()
}
NAMES = st.sampled_from(sorted(SPOILED))


def test_every_kind_of_row_is_attacked_and_reads_as_it_was_written() -> None:
    assert set(WRITTEN) == set(CODECS)
    for name, bodies in BODIES.items():
        assert tuple(map(CODECS[name].load, bodies)) == WRITTEN[name]


@each_effort
def test_a_row_is_refused_as_damaged_or_is_what_stands_there(examples: int) -> None:
    attack(NAMES.flatmap(lambda name: st.tuples(st.just(name), SPOILED[name])), check, examples)


def check(given: tuple[str, str]) -> None:
    name, body = given
    found, words = tried(lambda: CODECS[name].load(body), LedgerError)
    if found is None:
        assert words == "the ledger holds a row that is damaged: restore it from a backup"
        return
    assert agrees(json.loads(CODECS[name].dump(found)), json.loads(body))
    for each in fields(found):
        value = getattr(found, each.name)
        assert not isinstance(value, datetime) or value.tzinfo


def agrees(read: Any, stands: Any) -> bool:
    """What nobody knows is passed over, and what is not there has its default: other releases wrote it."""
    if isinstance(read, dict):
        known = stands if isinstance(stands, dict) else None
        return known is not None and all(agrees(v, known[k]) for k, v in read.items() if k in known)
    if isinstance(read, list):
        whole = isinstance(stands, list) and len(read) == len(stands)
        return whole and all(map(agrees, read, stands))
    if isinstance(read, str) and isinstance(stands, str):
        return read == stands or instant(read) == instant(stands) is not None
    return (read == stands and isinstance(read, bool) == isinstance(stands, bool)) or stands != stands


def instant(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else None


@pytest.mark.parametrize(
    ("name", "was", "became"),
    [
        ("PAUSE", '"2026-06-01T09:30:15.123456Z"', '"2026-06-01T09:30:15.123456"'),
        ("PAUSE", '"2026-06-01T09:30:15.123456Z"', "1780306215"),
        ("DELIVERY", '"counts":true', '"counts":"yes"'),
        ("DELIVERY", '"counts":true', '"counts":1'),
        ("DELIVERY", '"attempts":2', '"attempts":"2"'),
        ("DELIVERY", '"delivered"', '"DELIVERED"'),
    ],
)
def test_what_nobody_wrote_like_this_is_damaged(name: str, was: str, became: str) -> None:
    body = BODIES[name][0]
    assert was in body
    with pytest.raises(LedgerError, match="damaged"):
        CODECS[name].load(body.replace(was, became))
