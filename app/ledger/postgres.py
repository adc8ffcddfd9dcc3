"""PostgreSQL: a ledger that replicas share."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import URL, Engine, create_engine, event, make_url, select, text
from sqlalchemy.exc import ArgumentError

from app.errors import MENDED_BY, LedgerError, NoLedger
from app.ledger import reading, schema
from app.ledger.faults import readable_errors
from app.ledger.interface import Ledger
from app.ledger.sql import SqlLedger, next_epoch
from app.ledger.tenure import TERM, VACANT, Tenure
from app.ledger.version import disposing, disposing_on_failure, is_newest, migrate, version_of
from app.ledger.writing import set_control

CONNECT_TIMEOUT = 5  # seconds
# The server gives up on what takes longer than a term of the lease; TCP on a peer that is cut off, sooner.
# Who is stopped in the middle of a write holds its lock: it is hung up on before the shortest lease ends.
SETTINGS = {
    "connect_timeout": CONNECT_TIMEOUT,
    "options": "-c statement_timeout=30s -c lock_timeout=10s -c idle_in_transaction_session_timeout=15s",
    "application_name": "keysteward",
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,  # milliseconds
    "prepare_threshold": None,  # a pooler may give each transaction another session
}
# A migration takes as long as it takes, and who comes second waits for it.
MIGRATING = SETTINGS | {"options": "-c statement_timeout=0 -c lock_timeout=10min"}
# One transaction writes at a time, as in SQLite, so that what it has read still holds when it commits. Of the
# transaction and not of the session: poolers hand sessions around.
WRITE_LOCK = text("SELECT pg_advisory_xact_lock(hashtext('keysteward'), hashtext(current_schema()))")
NO_HURRY = text("SET LOCAL idle_in_transaction_session_timeout = 0")
_EPOCH = select(schema.control.c.value).where(schema.control.c.name == "epoch")


def open_postgres(url: str, create: bool, term: timedelta = TERM) -> Ledger:
    """``postgresql://USER:PASSWORD@HOST:PORT/DB``, with libpq's options (``?sslmode=verify-full``).

    Raises `LedgerError`; `NoLedger` when the database holds none and none is to be made.
    """
    engine = postgres_engine(url)
    with readable_errors(), disposing_on_failure(engine):
        if not create and version_of(engine) is None:
            raise NoLedger(f"the database holds no ledger: {MENDED_BY}")
        if not is_newest(engine):
            with disposing(postgres_engine(url, MIGRATING)) as patient:
                migrate(patient)
    return SqlLedger(engine, Tenure(Chair(engine), term), _snapshots(engine))


def postgres_schema(url: str) -> str | None:
    """Of the ledger as it is; None: there is none."""
    with readable_errors(), disposing(postgres_engine(url)) as engine:
        return version_of(engine)


def postgres_engine(url: str, settings: Mapping[str, Any] = SETTINGS) -> Engine:
    """Its errors never quote a statement's values, nor the URL."""
    try:
        address = make_url(url).set(drivername="postgresql+psycopg")
    except (ArgumentError, ValueError):  # the latter: a port that is no number
        raise LedgerError("the ledger's URL is not valid: postgresql://USER:PASSWORD@HOST:PORT/DB") from None
    ours = _under(address, settings)
    engine = create_engine(address, hide_parameters=True, pool_pre_ping=True, connect_args=ours)
    event.listen(engine, "begin", _on_begin)
    return engine


def _under(address: URL, settings: Mapping[str, Any]) -> dict[str, Any]:
    """``settings``, but what the URL says itself: SQLAlchemy would let ours win without a word."""
    told = address.normalized_query
    ours = {name: value for name, value in settings.items() if name not in told}
    return ours | {"options": " ".join((settings["options"], *told.get("options", ())))}


def _snapshots(engine: Engine) -> Engine:
    """Several statements of one reading see one state."""
    return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


def _on_begin(connection: Any) -> None:
    options = connection.get_execution_options()
    if options.get("patient"):
        connection.execute(NO_HURRY)
    if options.get("write"):
        connection.execute(WRITE_LOCK)


@dataclass(frozen=True)
class Chair:
    """`Seat` in the ledger's control table.

    Who takes and who renews meet at the row of the epoch, which the one locks and the other shares: a
    condition in the statement alone would be asked of what was there when that began.
    """

    engine: Engine

    def beat(self) -> str:
        with readable_errors(), self.engine.connect() as db:
            return reading.control(db, "beat") or VACANT

    def take(self, seen: str, beat: str, holder: str) -> int | None:
        with readable_errors(), self.engine.execution_options(write=True).begin() as db:
            db.execute(_EPOCH.with_for_update())
            if (reading.control(db, "beat") or VACANT) != seen:
                return None
            set_control(db, "beat", beat)
            return next_epoch(db, holder)

    def renew(self, epoch: int, beat: str) -> bool:
        """Without the write lock: its holder's own long transaction must not cost it the lease."""
        with readable_errors(), self.engine.begin() as db:
            if db.execute(_EPOCH.with_for_update(read=True)).scalar() != str(epoch):
                return False
            set_control(db, "beat", beat)
            return True
