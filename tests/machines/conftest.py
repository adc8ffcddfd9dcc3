"""The servers that some towns keep their ledger on."""

from collections.abc import Iterator

import pytest

from app.ledger.open import open_ledger
from tests.servers.postgres import Postgres, postgres_server


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    with postgres_server() as server:
        if server is None:
            pytest.skip("PostgreSQL is not installed")
        open_ledger(server.url(server.create())).close()  # what the others are copied from
        yield server
