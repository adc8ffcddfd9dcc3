"""Commands that change something: snooze, unsnooze, pause, resume, restore."""

from datetime import datetime, timedelta
from pathlib import Path

import click

from app.cli import opening
from app.cli.options import Span, at_option, by_option, config_option, reason_option
from app.cli.show import echo
from app.service import changes
from app.service.parts import Parts

AT = at_option("In a ledger of rehearsals: when this happens.")


def _parts(config_path: Path | None, at: datetime | None) -> Parts:
    return opening.to_change(opening.load(config_path), at).parts()


@click.command()
@click.argument("key")
@click.option("--for", "span", type=Span(), required=True, help="How long: 90s, 15m, 6h, 7d or 2w.")
@reason_option
@by_option
@AT
@config_option
def snooze(
    key: str, span: timedelta, reason: str, by: str | None, at: datetime | None, config_path: Path | None
) -> None:
    """Put the ladder of KEY on hold.

    KEY is the last four characters, the full id, a user's name or the finding's id (KS-…).
    """
    parts = _parts(config_path, at)
    echo(changes.snooze(parts, key, span, by or changes.caller(parts), reason))


@click.command()
@click.argument("key")
@by_option
@AT
@config_option
def unsnooze(key: str, by: str | None, at: datetime | None, config_path: Path | None) -> None:
    """End the snooze of KEY. A new notice still comes 24 hours before any act."""
    parts = _parts(config_path, at)
    echo(changes.unsnooze(parts, key, by or changes.caller(parts)))


@click.command()
@reason_option
@by_option
@AT
@config_option
def pause(reason: str, by: str | None, at: datetime | None, config_path: Path | None) -> None:
    """Stop all acting and notifying at once, on every replica. Scanning goes on."""
    parts = _parts(config_path, at)
    echo(changes.pause(parts, by or changes.caller(parts), reason))


@click.command()
@by_option
@AT
@config_option
def resume(by: str | None, at: datetime | None, config_path: Path | None) -> None:
    """End the pause."""
    parts = _parts(config_path, at)
    echo(changes.resume(parts, by or changes.caller(parts)))


@click.command()
@click.argument("key")
@reason_option
@by_option
@AT
@config_option
def restore(key: str, reason: str, by: str | None, at: datetime | None, config_path: Path | None) -> None:
    """Reactivate KEY, which this service deactivated.

    It is snoozed for 7 days, so that there is time to rotate it.
    """
    parts = _parts(config_path, at)
    echo(changes.restore(parts, key, by or changes.caller(parts), reason))
