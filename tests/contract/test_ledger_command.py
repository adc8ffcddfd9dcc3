"""The command line moves a ledger from SQLite to PostgreSQL and back, and no byte of its export changes."""

from datetime import timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from app.cli.main import cli
from app.ledger.open import open_ledger
from app.ledger.verify import verify
from app.model import DeliveryState
from app.plan.record import Change
from tests.fakes.ledger_rows import (
    ACCOUNT,
    DAY,
    NOW,
    PAUSE,
    WHOLE,
    a_uid,
    delivery,
    event,
    facts,
    finding,
    run,
)
from tests.fakes.ledger_use import everything
from tests.servers.moto import REGION, Dynamodb
from tests.servers.postgres import Postgres

MANY = 510  # more than one batch
STATES = list(DeliveryState)


def keysteward(folder: Path, url: str, *args: str) -> Result:
    (folder / "config.yaml").write_text(f"ledger: {url}\n")
    command = ["ledger", *args, "--config", str(folder / "config.yaml")]
    return CliRunner().invoke(cli, command, standalone_mode=False, catch_exceptions=False)


def a_full_ledger(url: str) -> None:
    ledger = open_ledger(url)
    ledger.apply(WHOLE)
    uids = [a_uid(n) for n in range(MANY)]
    ledger.apply(
        Change(
            facts=tuple(facts(uid, user=f"Änn-{n % 7}") for n, uid in enumerate(uids)),
            findings=tuple(finding(uid, episode=n % 2) for n, uid in enumerate(uids)),
            deliveries=tuple(
                delivery(uid, STATES[n % len(STATES)], episode=episode)
                for episode in (0, 1)
                for n, uid in enumerate(reversed(uids))
            ),
            events=tuple(event(str(n), NOW + n * DAY, account_id=ACCOUNT) for n in range(MANY)),
            run=run(NOW + DAY),
        )
    )
    with ledger.lease("a", timedelta(0)) as lease:
        assert lease
        ledger.claim([row.id for row in ledger.undelivered()[:9]], "m", lease)
    ledger.pause(PAUSE, event("paused"))
    ledger.close()


def test_sqlite_to_postgresql_to_sqlite(postgres: Postgres, tmp_path: Path) -> None:
    name = postgres.create()
    go_by_way_of(postgres.url(name), tmp_path)
    postgres.drop(name)


@pytest.mark.slow
def test_sqlite_to_dynamodb_to_sqlite(
    dynamodb: Dynamodb, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Into a table that is not there yet."""
    dynamodb.point_sdk(monkeypatch)
    go_by_way_of(f"dynamodb://moved?region={REGION}", tmp_path)


def go_by_way_of(server: str, tmp_path: Path) -> None:
    urls = [f"sqlite:///{tmp_path}/old.db", server, f"sqlite:///{tmp_path}/new.db"]
    a_full_ledger(urls[0])
    files = [tmp_path / f"{n}.jsonl" for n in range(3)]
    for url, file in zip(urls, files, strict=True):
        keysteward(tmp_path, url, "export", str(file))
        later = urls[urls.index(url) + 1 :]
        if later:
            assert keysteward(tmp_path, later[0], "migrate").exit_code == 0
            assert keysteward(tmp_path, later[0], "import", str(file)).return_value == 0
    assert len({file.read_bytes() for file in files}) == 1
    ledgers = [open_ledger(url) for url in urls]
    answers = [everything(ledger) for ledger in ledgers]
    assert answers[0] == answers[1] == answers[2]
    assert [verify(ledger).breaks for ledger in ledgers] == [(), (), ()]
    for ledger in ledgers:
        ledger.close()
