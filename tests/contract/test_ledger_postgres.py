"""PostgreSQL in trouble: one clear line each, no login in any of them, and work goes on when it is over."""

import logging
import socket
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner
from sqlalchemy import text

from app.cli import opening
from app.cli.main import cli
from app.config.schema import check_ledger
from app.errors import KeystewardError, LedgerError, NoLedger
from app.ledger.faults import UNREACHABLE
from app.ledger.interface import Ledger, Row
from app.ledger.open import open_ledger
from app.ledger.postgres import postgres_engine
from app.ledger.version import disposing
from app.plan.record import Change
from app.telemetry import redactor
from tests.fakes.ledger_rows import UID, WHOLE, event, facts, finding
from tests.servers.postgres import Postgres

NO_WAIT = timedelta(0)
USER, PASSWORD = "ledger_owner", "s3cret/hunter2"
LOGIN = "ledger_owner:s3cret%2Fhunter2@"


@pytest.fixture
def name(postgres: Postgres) -> Iterator[str]:
    """A database with a ledger in it."""
    name = postgres.create("ledger_1")
    yield name
    postgres.drop(name)


@pytest.fixture
def ledger(postgres: Postgres, name: str) -> Iterator[Ledger]:
    with closing(open_ledger(postgres.url(name))) as ledger:
        ledger.apply(WHOLE)
        yield ledger


def execute(postgres: Postgres, database: str, *statements: str) -> None:
    with psycopg.connect(postgres.url(database), autocommit=True) as db:
        for statement in statements:
            db.execute(statement.encode())


@contextmanager
def role(postgres: Postgres, database: str, name: str, *grants: str) -> Iterator[str]:
    """The URL by which a role of its own comes to the database."""
    execute(postgres, database, f"CREATE ROLE {name} LOGIN", *grants)
    try:
        yield postgres.url(database).replace("keysteward@", f"{name}@")
    finally:
        execute(postgres, database, f"DROP OWNED BY {name}", f"DROP ROLE {name}")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def refusal(work: Any, *arguments: Any) -> str:
    with pytest.raises(LedgerError) as raised:
        work(*arguments)
    said = str(raised.value)
    assert "\n" not in said
    assert not any(word in said for word in (USER, "hunter2", "127.0.0.1", "AKIA", "INSERT"))
    assert raised.value.__suppress_context__
    return said.removeprefix("the ledger ")


# --- who can't come in ---------------------------------------------------------------------------------


def test_a_server_that_is_down() -> None:
    assert refusal(open_ledger, f"postgresql://{LOGIN}127.0.0.1:{free_port()}/keys") == UNREACHABLE


def test_a_wrong_password_and_the_right_one(postgres: Postgres, name: str) -> None:
    host = f"127.0.0.1:{postgres.port}/{name}"
    with postgres.login(USER, PASSWORD):
        wrong = refusal(open_ledger, f"postgresql://{USER}:hunter3@{host}")
        assert wrong == refusal(open_ledger, f"postgresql://{USER}@{host}") == UNREACHABLE
        # It comes in, but owns nothing there.
        assert "needs CREATE" in refusal(open_ledger, f"postgresql://{LOGIN}{host}")


def test_a_user_and_a_database_that_are_not_there(postgres: Postgres) -> None:
    assert refusal(open_ledger, postgres.url("nowhere")) == UNREACHABLE
    assert refusal(open_ledger, postgres.url("postgres").replace("keysteward@", f"{LOGIN}")) == UNREACHABLE


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://{LOGIN}127.0.0.1:port/keys",
        f"postgresql://{LOGIN}127.0.0.1/keys?sslmod=verify-full",
    ],
)
def test_a_url_that_means_nothing(url: str) -> None:
    assert "URL" in refusal(open_ledger, url)


def test_a_certificate_that_is_not_there(postgres: Postgres) -> None:
    url = f"{postgres.url('postgres')}?sslmode=verify-full&sslrootcert=/nowhere.pem"
    assert refusal(open_ledger, url) == UNREACHABLE


def test_the_one_of_several_servers_that_is_up_is_found(postgres: Postgres, name: str) -> None:
    hosts = f"host=127.0.0.1:{free_port()}&host=127.0.0.1:{postgres.port}&target_session_attrs=read-write"
    url = f"postgresql://keysteward@/{name}?{hosts}"
    check_ledger(url)
    with closing(open_ledger(url)) as ledger:
        assert not ledger.held()


def test_what_the_url_sets_itself_is_set_and_our_time_outs_too(postgres: Postgres, name: str) -> None:
    own = "options=-csearch_path%3Dours&application_name=another"
    with disposing(postgres_engine(f"{postgres.url(name)}?{own}")) as engine, engine.connect() as db:
        asked = ("search_path", "application_name", "lock_timeout")
        shown = [db.execute(text(f"SHOW {setting}")).scalar() for setting in asked]
    assert shown == ["ours", "another", "10s"]


def test_who_finds_no_ledger_leaves_no_connection_open(postgres: Postgres) -> None:
    name = postgres.create()
    with pytest.raises(NoLedger) as raised:
        open_ledger(postgres.url(name), create=False)
    assert raised.tb, "which keeps whatever was not closed"
    ours = f"SELECT count(*) FROM pg_stat_activity WHERE datname = '{name}'"
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as db:
        left = iter(lambda: db.execute(ours.encode()).fetchone() == (0,), True)
        for _ in zip(left, range(100), strict=False):  # it takes a moment to go
            db.execute("SELECT pg_sleep(0.02)")
        assert db.execute(ours.encode()).fetchone() == (0,)
    postgres.drop(name)


# --- who comes in, and may not -------------------------------------------------------------------------


def test_a_user_who_may_not_make_the_tables(postgres: Postgres) -> None:
    name = postgres.create()
    with role(postgres, name, "nobody") as url:
        assert "needs CREATE on its schema" in refusal(open_ledger, url)
    postgres.drop(name)


def test_a_user_who_may_read_and_not_write(postgres: Postgres, name: str, ledger: Ledger) -> None:
    with role(postgres, name, "reader", "GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader") as url:
        reader = open_ledger(url)
        assert list(reader.view().facts) == [UID]
        assert "all rights on its tables" in refusal(
            reader.apply, Change(facts=(facts(),), events=(event(),))
        )
        reader.close()


def test_a_standby_of_the_server(postgres: Postgres, name: str, ledger: Ledger) -> None:
    with postgres.standby() as standby:
        copy = open_ledger(standby.url(name))
        assert list(copy.view().facts) == [UID]
        assert "should name the primary server" in refusal(copy.apply, Change(events=(event(),)))
        with pytest.raises(LedgerError, match="primary server"), copy.lease("a", NO_WAIT):
            pass
        with copy.dump() as dump:
            assert dump.counts["facts"] == len([row for row in dump.rows if row.kind == "facts"]) == 1
        copy.close()


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("disk_full", "can't grow: the disk is full; free some space, nothing is lost"),
        ("query_canceled", "took too long to answer: see the database's own log"),
        ("lock_not_available", "is locked by another process: end that one, or wait for it"),
        ("too_many_connections", "has no connection left: close some, or allow more"),
        ("data_corrupted", "can't be used (DataCorrupted): see the database's own log"),
    ],
)
def test_what_the_server_says_in_the_middle(
    postgres: Postgres, name: str, ledger: Ledger, code: str, said: str
) -> None:
    body = f"BEGIN RAISE EXCEPTION 'AKIAQUOTEDBYTHESERVER' USING ERRCODE = '{code}'; END"
    execute(
        postgres,
        name,
        f"CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ {body} $$",
        "CREATE TRIGGER refuse BEFORE INSERT ON snoozes FOR EACH ROW EXECUTE FUNCTION refuse()",
    )
    change = Change(facts=(facts(status="Inactive"),), snoozes=WHOLE.snoozes)
    assert refusal(ledger.apply, change) == said
    assert ledger.view().facts[UID] == WHOLE.facts[0], "nothing of it was written"


# --- a server that comes back --------------------------------------------------------------------------


def test_after_a_restart_of_the_server_the_next_question_is_answered(
    postgres: Postgres, ledger: Ledger
) -> None:
    postgres.stop()
    try:
        assert refusal(ledger.view) == UNREACHABLE
        assert refusal(ledger.apply, Change(events=(event("lost"),))) == UNREACHABLE
    finally:
        postgres.start()
    assert list(ledger.view().facts) == [UID]
    ledger.apply(Change(events=(event("after"),)))
    assert [one.what for one in ledger.events()] == ["noticed", "after"]


def test_a_lease_outlasts_a_restart_that_is_shorter_than_its_term(postgres: Postgres, ledger: Ledger) -> None:
    with ledger.lease("a", NO_WAIT) as lease:
        assert lease
        postgres.stop()
        postgres.start()
        assert lease.remaining() > 0
        ledger.apply(Change(findings=(finding(revision=1),)), lease)
        with ledger.lease("b", NO_WAIT) as other:
            assert other is None


def test_connections_that_the_server_closed_are_made_anew(postgres: Postgres, ledger: Ledger) -> None:
    ledger.view()
    others = "application_name = 'keysteward' AND pid <> pg_backend_pid()"
    execute(postgres, "postgres", f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}")
    ledger.apply(Change(events=(event("after"),)))
    assert list(ledger.view().facts) == [UID]


def test_a_server_that_goes_down_in_the_middle_of_a_write_leaves_nothing_of_it(
    postgres: Postgres, name: str, ledger: Ledger
) -> None:
    body = "BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END"
    execute(
        postgres,
        name,
        f"CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS $$ {body} $$",
        "CREATE TRIGGER die BEFORE INSERT ON snoozes FOR EACH ROW EXECUTE FUNCTION die()",
    )
    change = Change(facts=(facts(status="Inactive"),), snoozes=WHOLE.snoozes, events=(event("lost"),))
    assert refusal(ledger.apply, change) == "is shutting down or starting: it is asked again"
    execute(postgres, name, "DROP TRIGGER die ON snoozes")
    assert ledger.view().facts[UID] == WHOLE.facts[0]
    ledger.apply(change)
    assert [one.what for one in ledger.events()] == ["noticed", "lost"]


def test_whoever_opens_a_ledger_keeps_the_lease_as_the_config_says(
    postgres: Postgres, name: str, tmp_path: Path
) -> None:
    (tmp_path / "config.yaml").write_text(f"ledger: {postgres.url(name)}\nlease: 45s\n")
    config = opening.load(tmp_path / "config.yaml")
    opened = [
        opening.to_run(config, None).ledger,
        opening.to_change(config, None).ledger,
        opening.to_look(config).ledger,
        opening.ledger_of(config),
        opening.to_fill(config),
    ]
    for ledger in opened:
        with closing(ledger), ledger.lease("a", NO_WAIT), psycopg.connect(postgres.url(name)) as db:
            beat = db.execute("SELECT value FROM control WHERE name = 'beat'").fetchone()
            assert beat
            assert beat[0].endswith("/45"), "a beat tells its holder's term"


def test_a_move_may_wait_for_its_pipe_longer_than_a_run_may_for_anything(
    postgres: Postgres, name: str, ledger: Ledger
) -> None:
    hasty = "?options=-cidle_in_transaction_session_timeout%3D100ms"

    def slow(rows: Iterable[Row]) -> Iterator[Row]:
        for number, row in enumerate(rows):
            if number == 1:
                execute(postgres, name, "SELECT pg_sleep(0.3)")
            yield row

    empty = postgres.create("ledger_1")
    with closing(open_ledger(postgres.url(name) + hasty)) as source, source.dump() as dump:
        moved = list(slow(dump.rows))
    with closing(open_ledger(postgres.url(empty) + hasty)) as target:
        target.fill(slow(moved))
        assert target.view().facts == ledger.view().facts
    postgres.drop(empty)


# --- nobody learns the login ---------------------------------------------------------------------------

COMMANDS = [
    ["check-config"],
    ["schema"],
    ["iam-policy", "hub"],
    ["history"],
    ["deliveries"],
    ["ledger", "migrate"],
    ["ledger", "export", "-"],
    ["pause", "--reason", "x", "--by", "ann"],
]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text(f"ledger: postgresql://{LOGIN}127.0.0.1:{free_port()}/keys\n")
    return path


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_no_command_and_no_log_shows_the_login(
    config: Path, command: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    options = [] if command == ["schema"] else ["--config", str(config)]
    done = CliRunner().invoke(cli, [*command, *options], standalone_mode=False)
    assert done.exception is None or isinstance(done.exception, KeystewardError)
    shown = f"{done.output}{done.exception}{caplog.text}"
    assert not any(word in shown for word in (USER, "hunter2"))


def test_a_whole_process_that_finds_no_ledger_says_one_line_and_exits_with_3(config: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "app", "ledger", "migrate", "--config", str(config)],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert (done.returncode, done.stdout, done.stderr) == (3, "", f"keysteward: the ledger {UNREACHABLE}\n")


def test_whoever_prints_the_password_prints_a_mask(config: Path) -> None:
    CliRunner().invoke(cli, ["history", "--config", str(config)], standalone_mode=False)
    for form in (PASSWORD, "s3cret%2Fhunter2"):
        assert form not in redactor(f"connecting with {form} …")
