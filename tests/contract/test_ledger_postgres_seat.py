"""The seat on a real server, stopped between its statements: of two who meet there, one holds it."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event
from typing import Any

import psycopg
import pytest
from sqlalchemy import Engine, event

from app.ledger.open import open_ledger
from app.ledger.postgres import Chair, postgres_engine
from app.ledger.tenure import VACANT
from app.ledger.version import disposing
from tests.servers.postgres import Postgres

WAITING = "SELECT count(*) FROM pg_locks WHERE NOT granted"


@pytest.fixture
def url(postgres: Postgres) -> Iterator[str]:
    name = postgres.create("ledger_1")
    open_ledger(postgres.url(name)).close()
    yield postgres.url(name)
    postgres.drop(name)


@contextmanager
def stopped(engine: Engine, place: str) -> Iterator[tuple[Event, Event]]:
    """Whoever writes over ``engine`` waits at ``place``. Set by it when it is there, and to let it go on."""
    there, go_on = Event(), Event()

    def wait(*about: Any) -> None:
        if place == "commit" or about[2].startswith("INSERT INTO control"):
            there.set()
            assert go_on.wait(20)

    event.listen(engine, "commit" if place == "commit" else "before_cursor_execute", wait)
    yield there, go_on


def done_or_waiting(work: "Future[bool]", url: str) -> bool:
    with psycopg.connect(url, autocommit=True) as db:
        while not work.done():
            found = db.execute(WAITING).fetchone()
            if found and found[0]:
                return True
    return True


@pytest.mark.parametrize("place", ["first write", "commit"])
def test_a_holder_that_comes_back_while_another_takes_over_has_lost_or_kept_the_seat(
    url: str, place: str
) -> None:
    with disposing(postgres_engine(url)) as ours, disposing(postgres_engine(url)) as theirs:
        old = Chair(ours)
        epoch = old.take(VACANT, "old", "a")
        assert epoch
        with stopped(theirs, place) as (there, go_on), ThreadPoolExecutor(2) as pool:
            taking = pool.submit(Chair(theirs).take, "old", "new", "b")
            assert there.wait(20)
            renewing = pool.submit(old.renew, epoch, "old, again")
            assert done_or_waiting(renewing, url)
            go_on.set()
        assert [taking.result() is not None, renewing.result()].count(True) == 1
        assert old.beat() == ("new" if taking.result() else "old, again")
