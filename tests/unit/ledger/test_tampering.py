"""What somebody with the file in hand does to the audit trail of a SQLite ledger."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from app.errors import LedgerError
from app.ledger.interface import Ledger
from app.ledger.open import open_ledger
from app.ledger.verify import verify
from app.plan.record import Change
from tests.fakes.ledger_rows import event, facts

SWAP = "UPDATE events SET seq = CASE seq WHEN 2 THEN -4 WHEN 4 THEN -2 END WHERE seq IN (2, 4)"
ANCHOR = """INSERT INTO control SELECT 'chain_anchor', '{"seq":3,"hash":"' || hash || '"}' FROM events"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    ledger = open_ledger(f"sqlite:///{tmp_path}/ledger.db")
    ledger.apply(Change(events=tuple(event(str(number)) for number in range(1, 8))))
    ledger.close()
    return tmp_path / "ledger.db"


def after(path: Path, *statements: str) -> Ledger:
    with closing(sqlite3.connect(path)) as db:
        for statement in statements:
            assert db.execute(statement).rowcount > 0
        db.commit()
    return open_ledger(f"sqlite:///{path}")


@pytest.mark.parametrize(
    ("statements", "breaks"),
    [
        ((), []),
        (
            ("UPDATE events SET body = replace(body, 'keysteward', 'nobody') WHERE seq = 3",),
            [("altered", 3, 3)],
        ),
        (("UPDATE events SET body = CAST(body AS BLOB) || x'20' WHERE seq = 3",), [("altered", 3, 3)]),
        (("UPDATE events SET at = '2020' WHERE seq = 3",), [("altered", 3, 3)]),
        (("UPDATE events SET hash = upper(hash) WHERE seq = 3",), [("altered", 3, 3)]),
        (("DELETE FROM events WHERE seq IN (3, 4)",), [("missing", 3, 4)]),
        (("DELETE FROM events WHERE seq > 5",), [("cut", 6, 7)]),
        (("DELETE FROM events",), [("cut", 1, 7)]),
        ((SWAP, "UPDATE events SET seq = -seq WHERE seq < 0"), [("altered", 2, 5)]),
        (
            ("INSERT INTO events SELECT 8, at, body, hash FROM events WHERE seq = 7",),
            [("altered", 8, 8), ("added", 8, 8)],
        ),
        (("INSERT INTO events SELECT -3, at, body, hash FROM events WHERE seq = 7",), [("added", -3, -3)]),
        (
            ("INSERT INTO events SELECT -9000000000, at, body, hash FROM events WHERE seq = 7",),
            [("added", -9000000000, -9000000000)],
        ),
        (("DELETE FROM control WHERE name = 'chain'",), [("head", 7, 7)]),
        (("UPDATE control SET value = 'x' WHERE name = 'chain'",), [("head", 7, 7)]),
        (("UPDATE control SET value = replace(value, 'a', 'b') WHERE name = 'chain'",), [("head", 7, 7)]),
        (("UPDATE control SET value = replace(value, ':7', ':6') WHERE name = 'chain'",), [("added", 7, 7)]),
        ((f"{ANCHOR} WHERE seq = 3",), [("added", 1, 3), ("anchor", 4, 4)]),
        ((f"{ANCHOR} WHERE seq = 3", "DELETE FROM events WHERE seq <= 3"), [("anchor", 4, 4)]),
    ],
)
def test_it_is_found(path: Path, statements: tuple[str, ...], breaks: list[tuple[str, int, int]]) -> None:
    found = verify(after(path, *statements)).breaks
    assert [(broken.kind, broken.first, broken.last) for broken in found] == breaks


def test_an_event_that_is_no_text_any_more_is_a_damaged_ledger(path: Path) -> None:
    ledger = after(path, "UPDATE events SET body = CAST(x'ff' AS TEXT) WHERE seq = 3")
    with pytest.raises(LedgerError, match="is damaged: restore it from a backup"):
        verify(ledger)


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("DELETE FROM control WHERE name = 'chain'", "has lost its head"),
        (
            "UPDATE control SET value = replace(value, ':7', ':6') WHERE name = 'chain'",
            "goes on behind its head",
        ),
    ],
)
def test_no_event_is_written_over_a_cut_that_it_would_hide(path: Path, statement: str, says: str) -> None:
    ledger = after(path, statement)
    with pytest.raises(LedgerError, match=f"{says}: see `keysteward history --verify`"):
        ledger.apply(Change(facts=(facts(),), events=(event("8"),)))
    assert (ledger.view().facts, len(ledger.events())) == ({}, 7)


def test_what_was_written_after_an_altered_head_shows_it(path: Path) -> None:
    ledger = after(path, "UPDATE control SET value = replace(value, 'a', 'b') WHERE name = 'chain'")
    ledger.apply(Change(events=(event("8"),)))
    assert [(broken.kind, broken.first) for broken in verify(ledger).breaks] == [("altered", 8)]
