"""``keysteward history``: the audit trail, to be read, exported, and verified."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from app.cli import opening, show
from app.cli.options import Instant, config_option, format_option
from app.model import Event

if TYPE_CHECKING:
    from app.ledger.chain import Sealed
    from app.ledger.interface import Ledger
    from app.ledger.verify import Verdict

SHOWN = ("at", "by", "what", "account_id", "key", "finding_id", "detail")
HEADS = ("When", "By", "What", "Account", "Key", "Finding", "Detail")
COLUMNS = (*SHOWN, "mode", "policy", "version", "data", "seq", "hash")
BREAK_COLUMNS = ("kind", "first", "last", "text")


@click.command()
@click.option("--since", type=Instant(), metavar="INSTANT", help="Only from this instant on.")
@click.option("--verify", "verifying", is_flag=True, help="Look for any edit or gap in the whole trail.")
@format_option("json", "csv")
@config_option
def history(since: datetime | None, verifying: bool, form: str, config_path: Path | None) -> int:
    """The audit trail: who did what, when and why.

    With --verify: whether it is what was written (exit code 1: it is not).
    """
    if verifying and since:
        raise click.UsageError("--verify goes over the whole trail: leave --since out")
    config = opening.load(config_path)
    if verifying:
        return _verify(opening.ledger_of(config), form)
    ledger = opening.ledger_to_read(config)
    if form == "table":
        _table(ledger.events(since))
    else:
        _export(ledger, since, form)
    return 0


def _table(events: Sequence[Event]) -> None:
    cells = ([show.date(event.at), *(getattr(event, name) for name in SHOWN[1:])] for event in events)
    if events:
        show.table(f"{len(events)} events", HEADS, cells, sentence=True)
    else:
        show.echo("No events")


def _export(ledger: "Ledger", since: datetime | None, form: str) -> None:
    from app.ledger.chain import stamp

    first, row = stamp(since) if since else "", _as_json if form == "json" else _as_csv
    with show.streamed(form, COLUMNS) as write:
        for sealed in ledger.sealed():
            if sealed.at >= first:
                write(row(sealed))


def _as_json(sealed: "Sealed") -> dict[str, Any]:
    """The event as it was sealed, with its hash: docs/audit.md tells outsiders how to verify it."""
    return sealed.record() | {"hash": sealed.hash}


def _as_csv(sealed: "Sealed") -> dict[str, Any]:
    from app.ledger.chain import canonical
    from app.ledger.rows import EVENT

    event = EVENT.load(sealed.body)
    shown = {name: getattr(event, name) for name in SHOWN}
    chained = {"data": canonical(event.data), "seq": sealed.seq, "hash": sealed.hash}
    return shown | asdict(event.origin) | chained


def _verify(ledger: "Ledger", form: str) -> int:
    from app.ledger.verify import verify

    verdict = verify(ledger)
    breaks = [{**asdict(one), "text": one.text} for one in verdict.breaks]
    if form == "json":
        show.as_json({**asdict(verdict), "intact": not breaks, "breaks": breaks})
    elif form == "csv":
        show.as_csv(BREAK_COLUMNS, breaks)
    else:
        say(verdict)
    return 1 if breaks else 0


def say(verdict: "Verdict") -> None:
    for one in verdict.breaks:
        show.echo(one.text)
    found = f"{len(verdict.breaks)} breaks" if verdict.breaks else "no edit, no gap"
    show.echo(f"{verdict.events:,} events: {found}")
    if verdict.anchor.seq:
        show.echo(f"The trail begins behind event {verdict.anchor.seq}")
    show.echo(f"The last is event {verdict.last.seq}, {verdict.last.hash}")
