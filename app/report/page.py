"""The page of a pack: one file that needs no other, no script and no network, and prints well."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from app import __version__
from app.model import Account
from app.report import tables
from app.report.assess import Result, Verdict
from app.report.evidence import Evidence
from app.report.origin import Origin, Trail
from app.report.standards import UNSEEN

SHOWN_ACCOUNTS, SHOWN_FINDINGS, SHOWN_EXCEPTIONS = 500, 500, 500
WORDS = {
    Verdict.PASS: "Pass",
    Verdict.FAIL: "Fail",
    Verdict.EXCEPTION: "Fail, with exception",
    Verdict.NOT_ASSESSED: "Not assessed",
}
SIGNS = {Verdict.PASS: "✓", Verdict.FAIL: "✗", Verdict.EXCEPTION: "✗", Verdict.NOT_ASSESSED: "–"}
_NO_AGE = 10**6  # days: the root user's keys go first
_WORST_FIRST = (Verdict.FAIL, Verdict.NOT_ASSESSED, Verdict.EXCEPTION, Verdict.PASS)


@dataclass(frozen=True, slots=True)
class AccountRow:
    account: Account
    results: tuple[Result, ...]  # in the order of the controls


def page(evidence: Evidence, origin: Origin, trail: Trail, files: Mapping[str, Mapping[str, Any]]) -> str:
    """``files``: those that were written, with their digests."""
    rows, now = account_rows(evidence), origin.as_of
    findings = sorted(tables.findings(evidence, now), key=_pressing)
    return _template().render(
        evidence=evidence,
        standard=evidence.standard,
        origin=origin,
        trail=trail,
        files=files,
        version=__version__,
        tally=evidence.tally(),
        labels={control.name: evidence.standard.label(control) for control in evidence.standard.controls},
        rows=rows[:SHOWN_ACCOUNTS],
        accounts_in_all=len(rows),
        findings=findings[:SHOWN_FINDINGS],
        findings_in_all=len(findings),
        exceptions=list(tables.exemptions(evidence, now))[:SHOWN_EXCEPTIONS],
        exceptions_in_all=len(evidence.excepted),
        unseen=UNSEEN,
        words={verdict.value: word for verdict, word in WORDS.items()},
        signs={verdict.value: sign for verdict, sign in SIGNS.items()},
    )


def account_rows(evidence: Evidence) -> list[AccountRow]:
    """The accounts, those that need a look first."""
    by_id: dict[str, list[Result]] = {}
    for result in evidence.results:
        by_id.setdefault(result.account.id, []).append(result)
    rows = [AccountRow(results[0].account, tuple(results)) for results in by_id.values()]
    return sorted(rows, key=lambda row: (_rank(row.results), row.account.label, row.account.id))


def _rank(results: Sequence[Result]) -> tuple[int, ...]:
    """The more of the worse verdicts, the smaller."""
    return tuple(-sum(one.verdict is verdict for one in results) for verdict in _WORST_FIRST[:-1])


def _pressing(row: tables.Row) -> tuple[int, int]:
    order = [verdict.value for verdict in _WORST_FIRST]
    return order.index(row["verdict"]), -(row["age_days"] or _NO_AGE)


def _many(number: int, one: str, more: str = "") -> str:
    return f"{number:,} {one if number == 1 else more or one + 's'}"


def _moment(at: datetime | str) -> str:
    """Of an altered event's time, what is there."""
    try:
        instant = datetime.fromisoformat(at) if isinstance(at, str) else at
    except ValueError:
        return str(at)
    return f"{instant.day} {instant:%b %Y, %H:%M} UTC"


def _day(at: datetime | str) -> str:
    return f"{at.day} {at:%b %Y}" if isinstance(at, datetime) else at


@cache
def _template() -> Template:
    loader = PackageLoader("app.report", "templates")
    env = Environment(
        loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    env.filters.update(many=_many, moment=_moment, day=_day)
    return env.get_template("report.html")
