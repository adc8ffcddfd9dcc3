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

from app.ledger import migrations, rows
from app.ledger.interface import AccountRows, Change, Ledger
from app.ledger.open import open_ledger, sqlite_engine
from app.model import DeliveryState, FindingState
from tests.fakes.ledger_rows import ACCOUNT, DAY, NOW, UID, WHOLE, a_uid, delivery, facts, finding

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


def test_rows_from_before_a_field_was_added_have_its_default(old: Ledger) -> None:
    assert old.account(ACCOUNT).users == {"jane": replace(WHOLE.users[0], tags=None, groups=None)}
    assert old.frame().accounts == {ACCOUNT: replace(WHOLE.accounts[0], traits_at=None)}


def test_its_deliveries_are_found_by_when_they_ended(old: Ledger) -> None:
    assert old.deliveries_of(OPEN.id) == [SENT, WAITING]
    old.apply(Change(findings=(replace(OPEN, episode=2),)))
    with old.lease("a", timedelta(0)) as lease:
        assert lease
        assert old.prune(NOW, lease)["deliveries"] == 0
        assert old.prune(NOW + DAY, lease)["deliveries"] == 1
    assert old.deliveries_of(OPEN.id) == [WAITING]
