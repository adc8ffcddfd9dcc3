"""I1 to I8 over random lives, on every ledger."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.machines.machine import Machine
from tests.machines.stores import memory_store, postgres_store, sqlite_store
from tests.servers.postgres import Postgres

CHECKS = [HealthCheck.too_slow, HealthCheck.filter_too_much]
QUICK = settings(
    max_examples=12,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=CHECKS,
)
LONG = settings(QUICK, max_examples=30, stateful_step_count=60)
SERVER = settings(QUICK, max_examples=8)
READINGS = pytest.mark.parametrize("remembering", [False, True], ids=["live", "remembered"])


def lives(store: object, remembering: bool, how: settings) -> None:
    lived = type("Lived", (Machine,), {"store": store, "remembering": remembering})
    run_state_machine_as_test(lived, settings=how)


@READINGS
def test_no_life_harms_anybody(tmp_path: Path, remembering: bool) -> None:
    with memory_store(tmp_path) as store:
        lives(store, remembering, QUICK)


@pytest.mark.slow
@READINGS
def test_no_longer_life_harms_anybody(tmp_path: Path, remembering: bool) -> None:
    with memory_store(tmp_path) as store:
        lives(store, remembering, LONG)


@pytest.mark.slow
@READINGS
def test_no_life_on_sqlite_harms_anybody(tmp_path: Path, remembering: bool) -> None:
    with sqlite_store(tmp_path) as store:
        lives(store, remembering, SERVER)


@pytest.mark.slow
def test_no_life_on_postgresql_harms_anybody(tmp_path: Path, postgres: Postgres) -> None:
    with postgres_store(postgres)(tmp_path) as store:
        lives(store, True, SERVER)
