"""``keysteward report``: an evidence pack for auditors, from a read-only scan and the ledger."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from app.cli import opening, show
from app.cli.options import Instant, config_option, format_option
from app.cli.progress import shown
from app.report.standards import STANDARDS

if TYPE_CHECKING:
    from app.bootstrap import Service
    from app.report.evidence import Evidence
    from app.report.origin import Origin, Trail
    from app.report.pack import Pack
    from app.service.preview import Preview

HEADS = ("Control", "What it asks", "Pass", "Fail", "With exception", "Not assessed")


@click.command()
@click.option(
    "--standard", required=True, type=click.Choice(list(STANDARDS)), help="Whose controls are looked at."
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="A new folder for the pack [default: keysteward-STANDARD-DATE].",
)
@click.option("--since", type=Instant(), metavar="INSTANT", help="History only from this instant on.")
@format_option("json")
@config_option
def report(
    standard: str, out: Path | None, since: datetime | None, form: str, config_path: Path | None
) -> int:
    """Write an evidence pack for auditors.

    Each control of a standard, account by account, with exemptions and history, as a page and as CSV. It
    scans and touches nothing. Exit code 1: an account could not be read, or the audit trail is not whole.
    """
    service = opening.to_look(opening.load(config_path))
    folder = _free(out or Path(f"keysteward-{standard}-{service.clock.now():%Y-%m-%dT%H%MZ}"))
    with _writing(folder) as pack:
        seen, evidence = _scan(service, standard)
        origin = _origin(service, seen, since)
        trail = _fill(pack, evidence, origin, service)
        digest = pack.digest("manifest.json")
    _say(evidence, folder, digest, form)
    return _end(seen, evidence, trail)


def _free(folder: Path) -> Path:
    """A pack is evidence: none takes another's place."""
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise click.UsageError(f"--out: {folder} is there already, and is left as it is: name a new folder")
    return folder


@contextmanager
def _writing(folder: Path) -> Iterator["Pack"]:
    from app.report.pack import new_pack

    try:
        with new_pack(folder) as pack:
            yield pack
    except OSError as error:
        raise click.FileError(str(folder), error.strerror) from None


def _scan(service: "Service", standard: str) -> tuple["Preview", "Evidence"]:
    """Every key is read as if it were near a stage: only so are all true dates and last uses known."""
    from app.policy.near import NEVER
    from app.report.evidence import Evidence
    from app.service.preview import preview

    parts = service.parts()
    evidence = Evidence(STANDARDS[standard], parts.policy, service.ledger.frame().snoozes)
    with shown(service.pulse):
        seen = preview(parts, NEVER, account=evidence.take)
    evidence.close(seen.listed.accounts, seen.plan.now)
    return seen, evidence


def _origin(service: "Service", seen: "Preview", since: datetime | None) -> "Origin":
    from app.ledger.memory import MemoryLedger
    from app.report.origin import Origin

    return Origin(
        as_of=seen.plan.now,
        mode=service.config.mode.value,
        config_hash=service.config.hash,
        since=since,
        skipped=seen.listed.skipped,
        warnings=seen.warnings,
        has_ledger=not isinstance(service.ledger, MemoryLedger),
    )


def _fill(pack: "Pack", evidence: "Evidence", origin: "Origin", service: "Service") -> "Trail":
    from app.report.pack import fill

    return fill(pack, evidence, origin, service.ledger)


def _say(evidence: "Evidence", folder: Path, digest: str, form: str) -> None:
    if form == "json":
        show.as_json(_summary(evidence, folder, digest))
        return
    rows = list(_rows(evidence))
    show.table(evidence.standard.name, HEADS, rows)
    show.echo(f"Written to {folder}")
    show.echo(f"SHA-256 of its manifest.json, to be kept elsewhere: {digest}")


def _rows(evidence: "Evidence") -> Iterator[list[str]]:
    tally = evidence.tally()
    for control in evidence.standard.controls:
        counts = tally[control.name].values()
        yield [evidence.standard.label(control), control.title, *(f"{n:,}" for n in counts)]


def _summary(evidence: "Evidence", folder: Path, digest: str) -> dict[str, Any]:
    return {
        "standard": evidence.standard.key,
        "folder": str(folder),
        "manifest_sha256": digest,
        "accounts": len(evidence.covered),
        "accounts_not_read": len(evidence.unread),
        "controls": evidence.tally(),
    }


def _end(seen: "Preview", evidence: "Evidence", trail: "Trail") -> int:
    for text in seen.warnings:
        show.warn(f"warning: {text}")
    for one in evidence.unread:
        show.warn(f"not assessed: account {one.account.named}: {one.unread}")
    for broken in trail.verdict.breaks:
        show.warn(f"audit trail: {broken.text}")
    return 1 if evidence.unread or trail.verdict.breaks else 0
