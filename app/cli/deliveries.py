"""``keysteward deliveries``: what waits, what was given up, and how to put it back."""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from app.cli import opening, show
from app.cli.look import machine
from app.cli.options import at_option, by_option, config_option, format_option
from app.model import UNDELIVERED, DeliveryState
from app.service import changes
from app.service.letters import is_meant, letters, requeue
from app.sinks.snapshot import DeliveryRow

COLUMNS = (
    "id",
    "state",
    "sink",
    "key",
    "user",
    "account_id",
    "account",
    "stage",
    "recipient",
    "attempts",
    "created_at",
    "next_attempt_at",
    "why",
)
STATES = sorted(state.value for state in (*UNDELIVERED, DeliveryState.DEAD))


@click.command()
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option("--state", "states", type=click.Choice(STATES), multiple=True, help="Only of this state.")
@click.option("--sink", help="Only of this sink.")
@click.option(
    "--requeue", "back", is_flag=True, help="Put the dead letters ID… back: what still holds is sent."
)
@click.option("--all-dead", is_flag=True, help="With --requeue: every dead letter (of --sink).")
@click.option("--reason", help="With --requeue: why, for the audit trail.")
@by_option
@at_option("In a ledger of rehearsals: when this happens.")
@format_option("json", "csv")
@config_option
def deliveries(
    ids: tuple[str, ...],
    states: tuple[str, ...],
    sink: str | None,
    back: bool,
    all_dead: bool,
    reason: str | None,
    by: str | None,
    at: datetime | None,
    form: str,
    config_path: Path | None,
) -> None:
    """What waits to be delivered, and what was given up.

    ID is a delivery's id from this list, or a finding's (KS-…). What failed is tried again by itself; what
    is dead is put back with --requeue, once its cause is mended. The next run, or a running daemon, then
    sends what still holds, and cancels the rest.
    """
    _check(ids, states, back, all_dead, reason)
    config = opening.load(config_path)
    if back:
        parts = opening.to_change(config, at).parts()
        found = requeue(parts, ids, by or changes.caller(parts), reason or "", sink)
        holds = ": the next run or retry sends what still holds" if found else ""
        title = f"{_counted(len(found), 'dead letter')} put back{holds}"
    else:
        ledger = opening.ledger_to_read(config)
        wanted = (row for row in ledger.undelivered() if not ids or is_meant(row, ids))
        rows = [r for r in wanted if sink in (None, r.sink) and (not states or r.state.value in states)]
        found = letters(ledger, rows, ledger.frame().breakers)
        title = f"{_counted(len(found), 'message')} waiting or given up"
    _print(form, title, found)


def _check(
    ids: tuple[str, ...], states: tuple[str, ...], back: bool, all_dead: bool, reason: str | None
) -> None:
    """Nothing is put back by a slip of the hand."""
    if not back:
        if all_dead or reason:
            raise click.UsageError("--all-dead and --reason go with --requeue")
        return
    if bool(ids) == all_dead:
        raise click.UsageError("--requeue needs the ids of dead letters, or --all-dead")
    if not reason:
        raise click.UsageError("--requeue needs a --reason, for the audit trail")
    if states:
        raise click.UsageError("--state doesn't go with --requeue: only what is dead is put back")


def _print(form: str, title: str, found: list[DeliveryRow]) -> None:
    rows = [_row(row) for row in found]
    if form != "table":
        machine(form, COLUMNS, rows)
    elif not rows:
        show.echo(title)
    else:
        heads = ("Id", "State", "Key", "User", "Account", "To", "Tries", "Next try", "Why")
        show.table(title, heads, map(list, map(_cells, found)), whole=("Id",), sentence=True)


def _counted(number: int, noun: str) -> str:
    return f"{f'{number:,}' if number else 'No'} {noun}{'' if number == 1 else 's'}"


def _row(row: DeliveryRow) -> dict[str, Any]:
    values = asdict(row) | {"key": row.key_tail}
    return {name: values[name] for name in COLUMNS}


def _cells(row: DeliveryRow) -> Iterator[str]:
    """The sink is in the id; the rest is for machines."""
    yield from (row.id, row.state, row.key_tail, row.user, row.account, row.recipient)
    yield from (str(row.attempts), show.date(row.next_attempt_at), row.why)
