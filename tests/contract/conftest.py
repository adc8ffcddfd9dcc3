"""Every ledger that the contract holds."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.ledger.interface import Ledger
from app.ledger.memory import MemoryLedger
from app.ledger.open import open_ledger

LEDGERS: dict[str, Callable[[Path], Ledger]] = {
    "memory": lambda folder: MemoryLedger(),
    "sqlite": lambda folder: open_ledger(f"sqlite:///{folder}/ledger.db"),
}


@pytest.fixture(params=LEDGERS)
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    ledger = LEDGERS[request.param](tmp_path)
    yield ledger
    ledger.close()
