"""Which schema a database has. Apart from the machinery that migrates, which is slow to import."""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Engine, inspect, text

from app.errors import LedgerError
from app.ledger.schema import HEAD

VERSION = text("SELECT version_num FROM alembic_version")


@contextmanager
def disposing(engine: Engine) -> Iterator[Engine]:
    """``engine`` for the length of the block: its connections are closed behind it."""
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def disposing_on_failure(engine: Engine) -> Iterator[None]:
    try:
        yield
    except BaseException:
        engine.dispose()
        raise


def version_of(engine: Engine) -> str | None:
    """None: it is empty."""
    with engine.connect() as db:
        if not inspect(db).has_table("alembic_version"):
            return None
        version: str | None = db.execute(VERSION).scalar()
        return version


def is_newest(engine: Engine) -> bool:
    return version_of(engine) == HEAD


def check_newest(db: Connection) -> None:
    """Raises `LedgerError` where a newer release has migrated the ledger since it was opened."""
    version = db.execute(VERSION).scalar()
    if version != HEAD:
        raise too_new(str(version))


def too_new(version: str) -> LedgerError:
    return LedgerError(f"the ledger was written by a newer Keysteward (schema {version}): upgrade this one")


def migrate(engine: Engine) -> None:
    """Raises `LedgerError` on a schema of a newer release."""
    version = version_of(engine)
    if version != HEAD:
        from app.ledger.migrations import upgrade

        upgrade(engine, version)
