"""A ledger that an older release wrote is brought up to date, and its rows with it: on each database."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext

from app.errors import LedgerError
from app.ledger import migrations, rows, schema
from app.ledger.chain import Ends, Link, seal
from app.ledger.interface import AccountRows, Ledger
from app.ledger.open import Made, make_ledger, open_ledger, schema_of
from app.ledger.postgres import postgres_engine
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
    run,
)
from tests.servers.postgres import Postgres

ROOT = Path(__file__).parents[2]
OLD = [f"{number:04}" for number in range(1, int(schema.HEAD))]
# The oldest goes through every migration; on a server the others take their time.
RELEASES = [
    *(pytest.param(("sqlite", revision), id=f"{revision}-sqlite") for revision in OLD),
    pytest.param(("postgresql", OLD[0]), id=f"{OLD[0]}-postgresql"),
    *(
        pytest.param(("postgresql", revision), id=f"{revision}-postgresql", marks=pytest.mark.slow)
        for revision in OLD[1:]
    ),
]
OTHER = "444455556666"
THEIRS = f"{OTHER}/AKIA{0:016}"
OPEN = finding(refs={"jira": {"key": "SEC-1", "url": "https://…"}, "slack": {"ts": "1.2"}}, revision=3)
NO_TICKET = finding(a_uid(1), refs={"jira": {"key": ""}}, revision=1)
CLOSED = finding(THEIRS, account_id=OTHER, state=FindingState.RESOLVED, refs=OPEN.refs, revision=1)
SENT, WAITING = delivery(state=DeliveryState.DELIVERED, settled_at=NOW), delivery(occurrence=2)
FINDINGS = [OPEN, NO_TICKET, CLOSED]
KNOWN = [facts(), facts(THEIRS, account_id=OTHER)]
SAID = event(at=NOW + DAY, detail="ünïcode", data={"a": [1, None]}, finding_id="KS-A", key="…WS7X")


@dataclass(frozen=True)
class Database:
    """One that is made as an older release made it, and then opened by this one."""

    url: str
    engine: sa.Engine
    cleanup: ExitStack

    def make(self, revision: str) -> None:
        config = Config()
        config.set_main_option("script_location", str(Path(migrations.__file__).parent))
        with self.engine.begin() as db:
            config.attributes["connection"] = db
            command.upgrade(config, revision)

    def put(self, table: str, *values: dict[str, object]) -> None:
        if values:
            columns: list[sa.ColumnClause[object]] = [sa.column(name) for name in values[0]]
            with self.engine.begin() as db:
                db.execute(sa.table(table, *columns).insert(), list(values))

    def execute(self, statement: str) -> None:
        with self.engine.begin() as db:
            db.exec_driver_sql(statement)

    def open(self) -> Ledger:
        return self.cleanup.enter_context(closing(open_ledger(self.url)))


@contextmanager
def empty(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    with ExitStack() as cleanup:
        if kind == "sqlite":
            url, engine = f"sqlite:///{tmp_path}/ledger.db", sqlite_engine(tmp_path / "ledger.db")
        else:
            server: Postgres = request.getfixturevalue("postgres")
            name = server.create()
            cleanup.callback(server.drop, name)
            url = server.url(name)
            engine = postgres_engine(url)
        cleanup.callback(engine.dispose)
        yield Database(url, engine, cleanup)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    with empty(request.param, request, tmp_path) as database:
        yield database


def without(body: str, *fields: str) -> str:
    """As it was written before it had these fields."""
    return json.dumps({name: value for name, value in json.loads(body).items() if name not in fields})


def fill(database: Database, revision: str) -> None:
    """The rows of a release with this revision."""
    by_account = revision >= "0003"
    for known in KNOWN:
        row: dict[str, object] = {"uid": known.uid, "body": rows.FACTS.dump(known)}
        database.put("facts", row | ({"account_id": known.account_id} if by_account else {}))
    for found in FINDINGS:
        row = {"id": found.id, "revision": found.revision, "episode": found.episode}
        row |= {"body": rows.FINDING.dump(found)} | ({"account_id": found.account_id} if by_account else {})
        database.put("findings", row)
    if by_account:
        database.put("tickets", {"finding_id": OPEN.id, "sink": "jira", "ticket": "SEC-1"})
    for sent in (SENT, WAITING):
        body = without(rows.DELIVERY.dump(sent), "requeued_at")
        row = {"id": sent.id, "finding_id": sent.finding_id, "episode": sent.episode}
        database.put("deliveries", row | {"state": sent.state.value, "epoch": sent.epoch, "body": body})
    user, account = rows.USER.dump(WHOLE.users[0]), rows.ACCOUNT.dump(WHOLE.accounts[0])
    database.put("users", {"account_id": ACCOUNT, "user": "jane", "body": without(user, "tags", "groups")})
    database.put("accounts", {"account_id": ACCOUNT, "body": without(account, "traits_at")})
    database.put("runs", {"body": without(rows.RUN.dump(run()), "coverage")})
    database.put("control", {"name": "epoch", "value": "7"})
    put_events(database, revision)


def put_events(database: Database, revision: str) -> None:
    if revision >= "0004":
        (sealed,) = seal((SAID,), Link())
        database.put("events", {"seq": 1, "at": sealed.at, "body": sealed.body, "hash": sealed.hash})
        database.execute("DELETE FROM control WHERE name = 'chain'")
        database.put("control", {"name": "chain", "value": rows.LINK.dump(sealed.link)})
    else:
        body = without(rows.EVENT.dump(SAID), "origin")
        database.put("events", {"seq": 5, "at": SAID.at.isoformat(), "body": body})


@pytest.fixture(params=RELEASES)
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    """Opened by this release, made and filled by an older one."""
    kind, revision = request.param
    with empty(kind, request, tmp_path) as database:
        database.make(revision)
        fill(database, revision)
        yield database.open()


def test_what_an_older_release_wrote_is_all_there(old: Ledger) -> None:
    assert old.account(OTHER) == AccountRows({THEIRS: KNOWN[1]}, {THEIRS: CLOSED})
    mine = old.account(ACCOUNT)
    assert mine.facts == {UID: facts()}
    assert mine.findings == {UID: OPEN, NO_TICKET.uid: NO_TICKET}
    assert mine.deliveries == {OPEN.id: [SENT, WAITING]}
    assert mine.users == {"jane": replace(WHOLE.users[0], tags=None, groups=None)}
    frame = old.frame()
    assert frame.accounts == {ACCOUNT: replace(WHOLE.accounts[0], traits_at=None)}
    assert frame.last_run == run()
    assert old.accounts_with_findings() == {ACCOUNT, OTHER}
    assert (old.on_ticket("jira", "SEC-1"), old.on_ticket("jira", "")) == ([OPEN], [])
    assert [old.has_tickets(sink) for sink in ("jira", "slack")] == [True, False]
    assert old.events() == [SAID]
    assert (verify(old).events, verify(old).breaks) == (1, ())


def test_work_goes_on_where_an_older_release_left_it(old: Ledger) -> None:
    old.apply(replace(WHOLE, findings=(replace(OPEN, episode=2),)))
    assert old.account(ACCOUNT).findings[UID] == replace(OPEN, episode=2, revision=4)
    assert (old.held_plans(), old.approvals()) == ([*WHOLE.held_plans], [*WHOLE.approvals])
    assert old.holds() == [*WHOLE.holds]
    assert old.frame().breakers == {row.sink: row for row in WHOLE.breakers}
    assert verify(old).breaks == ()
    with old.lease("a", timedelta(0)) as lease:
        assert lease
        assert lease.epoch == 8


def test_old_deliveries_are_found_by_when_they_ended(old: Ledger) -> None:
    old.apply(Change(findings=(replace(OPEN, episode=2),)))
    with old.lease("a", timedelta(0)) as lease:
        assert lease
        assert old.prune(NOW, lease)["deliveries"] == 0
        assert old.prune(NOW + DAY, lease)["deliveries"] == 1
    assert old.deliveries_of(OPEN.id) == [WAITING]


def test_the_migrations_lead_to_the_tables_of_the_code(database: Database) -> None:
    database.open()
    with database.engine.connect() as db:
        assert compare_metadata(MigrationContext.configure(db), schema.metadata) == []


@pytest.mark.parametrize("revision", ["0001", "0005"])
def test_making_a_ledger_says_which_schema_it_had_and_has(database: Database, revision: str) -> None:
    assert schema_of(database.url) is None
    database.make(revision)
    assert make_ledger(database.url) == Made(revision, schema.HEAD)
    assert make_ledger(database.url) == Made(schema.HEAD, schema.HEAD)


@pytest.mark.parametrize("create", [True, False])
def test_a_ledger_of_a_newer_release_is_left_alone(database: Database, create: bool) -> None:
    database.open().apply(WHOLE)
    database.execute("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(LedgerError, match=r"newer Keysteward \(schema 9999\): upgrade this one"):
        open_ledger(database.url, create=create)
    assert schema_of(database.url) == "9999"
    database.execute(f"UPDATE alembic_version SET version_num = '{schema.HEAD}'")
    assert list(database.open().view().facts) == [UID]


def test_who_runs_already_when_a_newer_release_migrates_takes_no_lease_any_more(database: Database) -> None:
    ledger = database.open()
    with ledger.lease("a", timedelta(0)) as lease:
        assert lease
    database.execute("UPDATE alembic_version SET version_num = '9999'")
    newer = pytest.raises(LedgerError, match=r"newer Keysteward \(schema 9999\): upgrade this one")
    with newer, ledger.lease("a", timedelta(0)):
        pass
    assert not ledger.held()


@pytest.mark.slow
def test_of_processes_that_migrate_one_ledger_at_once_one_does_it_and_the_others_wait(
    database: Database,
) -> None:
    database.make("0003")
    database.put("events", *(old_event(n, event(str(n))) for n in range(1, 501)))
    code = (
        "import sys; from app.ledger.open import open_ledger; print(len(open_ledger(sys.argv[1]).events()))"
    )
    children = [
        subprocess.Popen(
            [sys.executable, "-c", code, database.url],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    assert [child.communicate(timeout=60) for child in children] == [("500\n", "")] * 3
    assert verify(database.open()).breaks == ()


# --- 0004: the audit trail is sealed -------------------------------------------------------------------


def old_event(seq: int, said: Event) -> dict[str, object]:
    """Of revision 0003, whose events had no hashes and may have gaps."""
    return {"seq": seq, "at": said.at.isoformat(), "body": without(rows.EVENT.dump(said), "origin")}


def test_events_of_an_older_release_are_numbered_without_gaps_and_sealed(database: Database) -> None:
    many = [event(str(n), NOW - n * DAY) for n in range(1100)]
    database.make("0003")
    database.put(
        "events", *(old_event(2 * n + 3, said) for n, said in enumerate(many)), old_event(9000, SAID)
    )
    ledger = database.open()
    assert ledger.events() == [*many, SAID]
    assert [one.seq for one in ledger.sealed()] == list(range(1, 1102))
    assert (verify(ledger).events, verify(ledger).breaks) == (1101, ())
    ledger.apply(Change(events=(event("new"),)))
    assert (verify(ledger).last.seq, verify(ledger).breaks) == (1102, ())


def test_an_edit_of_an_older_releases_event_is_found_from_then_on(database: Database) -> None:
    database.make("0003")
    database.put("events", *(old_event(n, event(str(n))) for n in range(1, 5)))
    ledger = database.open()
    database.execute("""UPDATE events SET body = replace(body, '"what":"2"', '"what":"9"')""")
    assert [broken.first for broken in verify(ledger).breaks] == [2]


def test_a_full_key_id_in_a_persons_reason_is_masked_when_it_is_sealed(database: Database) -> None:
    database.make("0003")
    database.put("events", old_event(1, event(detail=f"restore {KEY_ID}")))
    ledger = database.open()
    assert ledger.events()[0].detail == f"restore …{KEY_ID[-4:]}"
    assert verify(ledger).breaks == ()


@pytest.mark.parametrize("revision", ["0001", "0003"])
def test_a_trail_without_events_has_its_ends_too(database: Database, revision: str) -> None:
    database.make(revision)
    assert database.open().chain() == Ends(Link(), Link())


def test_a_damaged_event_is_told_and_leaves_the_ledger_as_it_was(database: Database) -> None:
    database.make("0003")
    database.put("events", old_event(1, SAID), old_event(2, SAID))
    database.execute("UPDATE events SET body = substr(body, 1, 20) WHERE seq = 2")
    with pytest.raises(LedgerError, match="damaged: restore it from a backup"):
        open_ledger(database.url)
    assert schema_of(database.url) == "0003"
    assert [c["name"] for c in sa.inspect(database.engine).get_columns("events")] == ["seq", "at", "body"]
