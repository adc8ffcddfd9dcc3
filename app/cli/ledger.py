"""``keysteward ledger``: brings the ledger up to date, and moves it into another one."""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import click

from app.cli import opening, show
from app.cli.options import config_option
from app.errors import ConfigError, LedgerError

UNDER_WAY = (
    "warning: the service is at work: what it does from now on is not in this export; "
    "before a move, stop every replica"
)
DASH = Path("-")


@click.group()
def ledger() -> None:
    """Bring the ledger up to date, or move it to another database."""


@ledger.command()
@config_option
def migrate(config_path: Path | None) -> None:
    """Bring the ledger to the newest schema; make it if there is none.

    The service does that itself when it starts, but for a DynamoDB table: that is made here only.
    """
    from app.ledger.open import make_ledger

    made = make_ledger(opening.load(config_path).ledger_url)
    if made.before is None:
        show.echo(f"The ledger was made, with schema {made.after}")
    elif made.before == made.after:
        show.echo(f"The ledger is up to date, with schema {made.after}")
    else:
        show.echo(f"The ledger was brought from schema {made.before} to {made.after}")


@ledger.command()
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True), default=DASH)
@config_option
def export(file: Path, config_path: Path | None) -> None:
    """Write the whole ledger to FILE or stdout, as of one moment.

    It holds full key ids, and whatever people were told: keep it as you keep the ledger.
    """
    from app.ledger.export import lines

    source = opening.ledger_of(opening.load(config_path))
    if source.held():
        show.warn(UNDER_WAY)
    with _to(file) as out, source.dump() as dump:
        for line in lines(dump):
            out.write(line)
    show.warn(f"Exported {_counted(dump.counts)}")


@ledger.command("import")
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True))
@config_option
def import_(file: Path, config_path: Path | None) -> int:
    """Fill an empty ledger from an export: all of it, or nothing.

    FILE is what `keysteward ledger export` wrote; - is stdin. Afterwards its rows are counted and the audit
    trail is verified (exit code 1: it is not what was once written).
    """
    from app.cli.history import say
    from app.ledger.export import read
    from app.ledger.verify import verify

    config = opening.load(config_path)
    with _from(file) as stream, _named(file):
        given = read(stream)
        target = opening.to_fill(config)
        target.fill(given.rows)
    with target.dump() as dump:
        if dump.counts != given.header.counts:
            raise LedgerError(f"the ledger holds {_counted(dump.counts)}, which is not what was imported")
    show.echo(f"Imported {_counted(dump.counts)}")
    verdict = verify(target)
    say(verdict)
    return 1 if verdict.breaks else 0


@contextmanager
def _to(file: Path) -> Iterator[BinaryIO]:
    """A new file, for its owner alone; none is left where it was not written to the end."""
    if file == DASH:
        if sys.stdout.isatty():
            raise click.UsageError("an export is not for the screen, it holds full key ids: name a FILE")
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with _gone_unless_whole(file), open(handle, "wb") as out:
            yield out
    except OSError as error:
        raise click.FileError(str(file), error.strerror) from None


@contextmanager
def _gone_unless_whole(file: Path) -> Iterator[None]:
    try:
        yield
    except BaseException:
        file.unlink(missing_ok=True)
        raise


@contextmanager
def _from(file: Path) -> Iterator[BinaryIO]:
    if file == DASH:
        yield sys.stdin.buffer
        return
    try:
        with file.open("rb") as stream:
            yield stream
    except OSError as error:
        raise click.FileError(str(file), error.strerror) from None


@contextmanager
def _named(file: Path) -> Iterator[None]:
    """What is wrong with the file is said with its name."""
    try:
        yield
    except ConfigError as error:
        name = "stdin" if file == DASH else str(file)
        raise ConfigError(f"{name}: {error}") from None


def _counted(counts: Mapping[str, int]) -> str:
    listed = ", ".join(f"{kind.replace('_', ' ')} {number:,}" for kind, number in counts.items())
    return f"{sum(counts.values()):,} rows" + (f": {listed}" if listed else "")
