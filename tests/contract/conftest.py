"""Every ledger that the contract holds."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path

import pytest

from app.ledger.dynamodb.address import Address
from app.ledger.dynamodb.ledger import ledger_over
from app.ledger.interface import Ledger
from app.ledger.memory import MemoryLedger
from app.ledger.open import open_ledger
from tests.fakes.dynamodb import FakeDynamodb
from tests.servers.moto import Dynamodb, dynamodb_server
from tests.servers.postgres import Postgres, postgres_server


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    with postgres_server() as server:
        if server is None:
            pytest.skip("PostgreSQL is not installed")
        open_ledger(server.url(server.create())).close()  # what the others are copied from
        yield server


@pytest.fixture(scope="session")
def dynamodb() -> Iterator[Dynamodb]:
    with dynamodb_server() as server:
        yield server


@contextmanager
def _in_memory(request: pytest.FixtureRequest, folder: Path) -> Iterator[Ledger]:
    yield MemoryLedger()


@contextmanager
def _on_sqlite(request: pytest.FixtureRequest, folder: Path) -> Iterator[Ledger]:
    with closing(open_ledger(f"sqlite:///{folder}/ledger.db")) as ledger:
        yield ledger


@contextmanager
def _on_postgres(request: pytest.FixtureRequest, folder: Path) -> Iterator[Ledger]:
    server: Postgres = request.getfixturevalue("postgres")
    name = server.create("ledger_1")
    with closing(open_ledger(server.url(name))) as ledger:
        yield ledger
    server.drop(name)


@contextmanager
def _on_dynamodb(request: pytest.FixtureRequest, folder: Path) -> Iterator[Ledger]:
    server: Dynamodb = request.getfixturevalue("dynamodb")
    with pytest.MonkeyPatch.context() as env:
        server.point_sdk(env)
        with closing(open_ledger(server.create())) as ledger:
            yield ledger


@contextmanager
def _on_fake_dynamodb(request: pytest.FixtureRequest, folder: Path) -> Iterator[Ledger]:
    with closing(ledger_over(FakeDynamodb(page=50), Address("ledger"))) as ledger:
        yield ledger


LEDGERS: dict[str, Callable[[pytest.FixtureRequest, Path], AbstractContextManager[Ledger]]] = {
    "memory": _in_memory,
    "sqlite": _on_sqlite,
    "postgresql": _on_postgres,
    "fake dynamodb": _on_fake_dynamodb,
    "dynamodb": _on_dynamodb,
}
SLOW = {"dynamodb"}  # a request to moto costs three milliseconds, and a test asks a hundred times


@pytest.fixture(params=[pytest.param(k, marks=pytest.mark.slow if k in SLOW else ()) for k in LEDGERS])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    with LEDGERS[request.param](request, tmp_path) as ledger:
        yield ledger
