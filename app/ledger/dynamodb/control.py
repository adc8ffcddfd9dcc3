"""The control page: what there is one of, and the ends of the audit trail's chain."""

from datetime import datetime

from app.errors import LedgerError
from app.ledger import rows
from app.ledger.chain import Ends, Link
from app.ledger.dynamodb.pages import Rows
from app.model import CopyMark, Pause, RunRecord
from app.plan.kept import Trial

PAUSE, REHEARSAL, LAST_RUN, CANARY = "pause", "rehearsal", "last_run", "canary"
CHAIN, ANCHOR = "chain", "chain_anchor"


def new() -> Rows:
    """Of an empty ledger. The chain's head is there from the beginning: without one it was lost."""
    return {CHAIN: rows.LINK.dump(Link())}


def pause(known: Rows) -> Pause | None:
    return rows.PAUSE.load(known[PAUSE]) if PAUSE in known else None


def rehearsal(known: Rows) -> datetime | None:
    return datetime.fromisoformat(known[REHEARSAL]) if REHEARSAL in known else None


def last_run(known: Rows) -> RunRecord | None:
    return rows.RUN.load(known[LAST_RUN]) if LAST_RUN in known else None


def canary(known: Rows) -> Trial | None:
    return rows.TRIAL.load(known[CANARY]) if CANARY in known else None


def ends(known: Rows) -> Ends:
    return Ends(anchor(known), head(known))


def anchor(known: Rows) -> Link:
    return rows.LINK.load(known[ANCHOR]) if ANCHOR in known else Link()


def head(known: Rows) -> Link | None:
    try:
        return rows.LINK.load(known[CHAIN]) if CHAIN in known else None
    except LedgerError:
        return None


def copied(known: Rows, target: str) -> CopyMark:
    value = known.get(copy_name(target))
    return rows.COPY.load(value) if value else CopyMark(target)


def copy_name(target: str) -> str:
    return f"copy {target}"
