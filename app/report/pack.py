"""Writes an evidence pack: CSV files, one HTML page, and a manifest with the SHA-256 of each.

A pack appears whole or not at all, and takes nothing's place.
"""

import hashlib
import json
import os
import shutil
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from app import __version__, spreadsheet
from app.ledger.chain import stamp
from app.ledger.interface import Ledger
from app.ledger.verify import verify
from app.report import tables
from app.report.evidence import Evidence
from app.report.origin import ACTS, Origin, Trail
from app.report.page import page
from app.report.tables import Row
from app.telemetry import redactor

MANIFEST, PAGE = "manifest.json", "report.html"
SHOWN_ACTS = 100


@dataclass
class Pack:
    """The files that were written so far, in the folder ``at``."""

    at: Path
    files: dict[str, dict[str, Any]] = field(default_factory=dict)

    def table(self, name: str, columns: Sequence[str], rows: Iterable[Row]) -> None:
        """With a byte order mark: spreadsheets read it as UTF-8 only then."""
        number = 0
        with (self.at / name).open("w", encoding="utf-8-sig", newline="") as file:
            file.write(_line(columns))
            for number, row in enumerate(rows, start=1):  # noqa: B007 - the last one counts
                file.write(_line(_cell(row.get(column)) for column in columns))
        self._note(name, rows=number)

    def text(self, name: str, text: str) -> None:
        (self.at / name).write_text(redactor(text), "utf-8")
        self._note(name)

    def digest(self, name: str) -> str:
        with (self.at / name).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def _note(self, name: str, **more: int) -> None:
        size = (self.at / name).stat().st_size
        self.files[name] = {"sha256": self.digest(name), "bytes": size, **more}


@contextmanager
def new_pack(folder: Path) -> Iterator[Pack]:
    """``folder`` is there, whole, when the block has ended; else nothing is. Raises `OSError`."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = folder.parent / f".{folder.name}.{os.getpid()}.part"
    part.mkdir(mode=0o700)  # it names people and their keys
    try:
        yield Pack(part)
        part.rename(folder)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise


def fill(pack: Pack, evidence: Evidence, origin: Origin, ledger: Ledger) -> Trail:
    """Writes every file. ``evidence`` is closed. Raises `OSError` or `LedgerError`."""
    now = origin.as_of
    pack.table("controls.csv", tables.CONTROLS, tables.controls(evidence))
    pack.table("findings.csv", tables.FINDINGS, tables.findings(evidence, now))
    pack.table("exemptions.csv", tables.EXEMPTIONS, tables.exemptions(evidence, now))
    trail = _history(pack, ledger, origin.since)
    pack.text(PAGE, page(evidence, origin, trail, pack.files))
    pack.text(MANIFEST, json.dumps(manifest(evidence, origin, trail, pack.files), indent=2) + "\n")
    return trail


def _history(pack: Pack, ledger: Ledger, since: datetime | None) -> Trail:
    acts: deque[Row] = deque(maxlen=SHOWN_ACTS)
    counts = {"events": 0, "acts_in_all": 0}

    def told() -> Iterator[Row]:
        for row in _events(ledger, since):
            counts["events"] += 1
            if str(row["what"]) in ACTS:
                counts["acts_in_all"] += 1
                acts.append(row)
            yield row

    pack.table("history.csv", tables.HISTORY, told())
    return Trail(verify(ledger), tuple(acts), **counts)


def _events(ledger: Ledger, since: datetime | None) -> Iterator[Row]:
    first = stamp(since) if since else ""
    return (tables.event(one) for one in ledger.sealed() if one.at >= first)


def manifest(
    evidence: Evidence, origin: Origin, trail: Trail, files: Mapping[str, Mapping[str, Any]]
) -> Mapping[str, Any]:
    """What the pack is, of what it speaks, and of what it does not."""
    standard = evidence.standard
    return {
        "tool": "keysteward",
        "version": __version__,
        "standard": {"key": standard.key, "name": standard.name},
        "as_of": origin.as_of.isoformat(),
        "mode": origin.mode,
        "config_sha256": origin.config_hash,
        "accounts": _accounts(evidence, origin),
        "verdicts": {name: dict(counts) for name, counts in evidence.tally().items()},
        "audit_trail": _trail(trail, origin),
        "warnings": list(origin.warnings),
        "files": dict(files),
    }


def _accounts(evidence: Evidence, origin: Origin) -> Mapping[str, Any]:
    read = [one.account for one in evidence.covered if not one.unread]
    unread = [(one.account, one.unread) for one in evidence.unread]
    return {
        "covered": [{"id": account.id, "name": account.label} for account in read],
        "not_covered": [{"id": a.id, "name": a.label, "reason": redactor(why)} for a, why in unread],
        "left_out": dict(origin.skipped),
    }


def _trail(trail: Trail, origin: Origin) -> Mapping[str, Any]:
    verdict = trail.verdict
    return {
        "kept": origin.has_ledger,
        "intact": not verdict.breaks,
        "breaks": [one.text for one in verdict.breaks],
        "events": verdict.events,
        "last": {"seq": verdict.last.seq, "hash": verdict.last.hash},
        "written_since": origin.since.isoformat() if origin.since else None,
        "written": trail.events,
    }


def _line(cells: Iterable[object]) -> str:
    return redactor(spreadsheet.line(cells, end="\r\n"))  # as RFC 4180 has it


def _cell(value: object) -> object:
    if isinstance(value, datetime):
        return value.isoformat()
    return "" if value is None else value
