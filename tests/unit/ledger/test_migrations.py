"""A ledger that an older release wrote is brought up to date, and its rows with it."""

import json
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.config import Config

from app.errors import LedgerError
from app.ledger import migrations, rows
from app.ledger.chain import Ends, Link
from app.ledger.interface import AccountRows, Ledger
from app.ledger.open import open_ledger
from app.ledger.sqlite import sqlite_engine
from app.ledger.verify import verify
from app.model import DeliveryState, Event, FindingState
from app.plan.record import Change
from tests.fakes.ledger_rows import (
    ACCOUNT,
    DAY,
    KEY_ID,
    NOW,
    UID,
    WHOLE,
    a_uid,
    delivery,
    event,
    facts,
    finding,
)

OTHER = "444455556666"
THEIRS = f"{OTHER}/AKIA{0:016}"
OPEN = finding(refs={"jira": {"key": "SEC-1", "url": "https://…"}, "slack": {"ts": "1.2"}}, revision=3)
NO_TICKET = finding(a_uid(1), refs={"jira": {"key": ""}}, revision=1)
CLOSED = finding(THEIRS, account_id=OTHER, state=FindingState.RESOLVED, refs=OPEN.refs, revision=1)
SENT, WAITING = delivery(state=DeliveryState.DELIVERED, settled_at=NOW), delivery(occurrence=2)
FINDINGS = [OPEN, NO_TICKET, CLOSED]


def without(body: str, *fields: str) -> str:
    """As it was written before it had these fields."""
    return json.dumps({name: value for name, value in json.loads(body).items() if name not in fields})


@pytest.fixture
def old(tmp_path: Path) -> Ledger:
    """Opened by this release, made by the one of revision 0002."""
    path = tmp_path / "ledger.db"
    _make(path, "0002")
    with closing(sqlite3.connect(path)) as db:
        _fill(db)
    return open_ledger(f"sqlite:///{path}")


def _make(path: Path, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    with sqlite_engine(path).begin() as db:
        config.attributes["connection"] = db
        command.upgrade(config, revision)


def _fill(db: sqlite3.Connection) -> None:
    def put(table: str, *values: Any) -> None:
        db.execute(f"INSERT INTO {table} VALUES ({', '.join('?' * len(values))})", values)

    for known in (facts(), facts(THEIRS, account_id=OTHER)):
        put("facts", known.uid, rows.FACTS.dump(known))
    for found in FINDINGS:
        put("findings", found.id, found.revision, found.episode, rows.FINDING.dump(found))
    user, account = rows.USER.dump(WHOLE.users[0]), rows.ACCOUNT.dump(WHOLE.accounts[0])
    for seq, row in enumerate((SENT, WAITING), start=1):
        body = without(rows.DELIVERY.dump(row), "requeued_at")
        put("deliveries", seq, row.id, row.finding_id, row.episode, row.state.value, row.epoch, body)
    put("users", ACCOUNT, "jane", without(user, "tags", "groups"))
    put("accounts", ACCOUNT, without(account, "traits_at"))
    db.commit()


def test_its_facts_and_findings_are_found_by_account(old: Ledger) -> None:
    assert old.account(OTHER) == AccountRows({THEIRS: facts(THEIRS, account_id=OTHER)}, {THEIRS: CLOSED})
    assert old.account(ACCOUNT).facts == {UID: facts()}
    assert old.account(ACCOUNT).findings == {UID: OPEN, NO_TICKET.uid: NO_TICKET}
    assert old.accounts_with_findings() == {ACCOUNT, OTHER}


def test_its_findings_are_found_by_their_tickets(old: Ledger) -> None:
    assert old.on_ticket("jira", "SEC-1") == [OPEN]
    assert old.on_ticket("jira", "") == []
    assert [old.has_tickets(sink) for sink in ("jira", "slack")] == [True, False]


def test_it_keeps_what_waits_for_a_person_from_now_on(old: Ledger) -> None:
    old.apply(Change(held_plans=WHOLE.held_plans, approvals=WHOLE.approvals, holds=WHOLE.holds))
    assert (old.held_plans(), old.approvals()) == ([*WHOLE.held_plans], [*WHOLE.approvals])
    assert old.holds() == [*WHOLE.holds]


def test_rows_from_before_a_field_was_added_have_its_default(old: Ledger) -> None:
    assert old.account(ACCOUNT).users == {"jane": replace(WHOLE.users[0], tags=None, groups=None)}
    assert old.frame().accounts == {ACCOUNT: replace(WHOLE.accounts[0], traits_at=None)}


# --- 0004: the audit trail is sealed -------------------------------------------------------------------

SAID = event(at=NOW + DAY, detail="ünïcode", data={"a": [1, None]}, finding_id="KS-A", key="…WS7X")


def with_events(tmp_path: Path, *numbered: tuple[int, Event]) -> Path:
    """A ledger of revision 0003, whose events had no hashes and may have gaps."""
    path = tmp_path / "ledger.db"
    _make(path, "0003")
    with closing(sqlite3.connect(path)) as db:
        for seq, said in numbered:
            body = without(rows.EVENT.dump(said), "origin")
            db.execute("INSERT INTO events VALUES (?, ?, ?)", (seq, said.at.isoformat(), body))
        db.commit()
    return path


def test_events_of_an_older_release_are_numbered_without_gaps_and_sealed(tmp_path: Path) -> None:
    many = [(2 * n + 3, event(str(n), NOW - n * DAY)) for n in range(2100)]
    path = with_events(tmp_path, *many, (9000, SAID))
    ledger = open_ledger(f"sqlite:///{path}")
    assert ledger.events() == [*(said for _, said in many), SAID]
    assert [one.seq for one in ledger.sealed()] == list(range(1, 2102))
    assert (verify(ledger).events, verify(ledger).breaks) == (2101, ())
    ledger.apply(Change(events=(event("new"),)))
    assert (verify(ledger).last.seq, verify(ledger).breaks) == (2102, ())


def test_an_edit_of_an_older_releases_event_is_found_from_then_on(tmp_path: Path) -> None:
    path = with_events(tmp_path, *((n, event(str(n))) for n in range(1, 5)))
    open_ledger(f"sqlite:///{path}").close()
    with closing(sqlite3.connect(path)) as db:
        db.execute("""UPDATE events SET body = replace(body, '"what":"2"', '"what":"9"')""")
        db.commit()
    assert [broken.first for broken in verify(open_ledger(f"sqlite:///{path}")).breaks] == [2]


def test_a_full_key_id_in_a_persons_reason_is_masked_when_it_is_sealed(tmp_path: Path) -> None:
    path = with_events(tmp_path, (1, event(detail=f"restore {KEY_ID}")))
    ledger = open_ledger(f"sqlite:///{path}")
    assert ledger.events()[0].detail == f"restore …{KEY_ID[-4:]}"
    assert verify(ledger).breaks == ()


@pytest.mark.parametrize("revision", ["0001", "0002", "0003"])
def test_a_trail_without_events_has_its_ends_too(tmp_path: Path, revision: str) -> None:
    _make(tmp_path / "ledger.db", revision)
    ledger = open_ledger(f"sqlite:///{tmp_path}/ledger.db")
    assert ledger.chain() == Ends(Link(), Link())


def test_a_damaged_event_is_told_and_leaves_the_ledger_as_it_was(tmp_path: Path) -> None:
    path = with_events(tmp_path, (1, SAID), (2, SAID))
    with closing(sqlite3.connect(path)) as db:
        db.execute("UPDATE events SET body = substr(body, 1, 20) WHERE seq = 2")
        db.commit()
        with pytest.raises(LedgerError, match="damaged: restore it from a backup"):
            open_ledger(f"sqlite:///{path}")
        assert db.execute("SELECT version_num FROM alembic_version").fetchone() == ("0003",)
        assert [row[1] for row in db.execute("PRAGMA table_info(events)")] == ["seq", "at", "body"]


def test_its_deliveries_are_found_by_when_they_ended(old: Ledger) -> None:
    assert old.deliveries_of(OPEN.id) == [SENT, WAITING]
    old.apply(Change(findings=(replace(OPEN, episode=2),)))
    with old.lease("a", timedelta(0)) as lease:
        assert lease
        assert old.prune(NOW, lease)["deliveries"] == 0
        assert old.prune(NOW + DAY, lease)["deliveries"] == 1
    assert old.deliveries_of(OPEN.id) == [WAITING]
