"""The status page's routes: what is asked for, and the template that answers."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import chain
from typing import Any, TypeVar

from flask import Flask, Response, abort, render_template, request
from werkzeug.exceptions import NotFound

from app.clock import Clock
from app.errors import LedgerError
from app.service.dossier import Dossier, Dossiers
from app.service.snapshot import FindingRow, Snapshot, SnapshotHolder
from app.web import api, page
from app.web.charts import states
from app.web.query import BadQuery, Query, parse
from app.web.sheet import Page, Sheet, csv_text, page_of, records, selected
from app.web.sheets import ACCOUNTS, FINDINGS, HELD, SHEETS
from app.web.story import told

FINDING_ID = re.compile(r"KS-[A-Z0-9]{10}")
MOST_CHOICES = 200  # of a filter: a longer list helps nobody
MIME_TYPES = {"csv": "text/csv", "json": "application/json"}

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Listing:
    """One page of a table, with what was asked for and its links."""

    sheet: Sheet[Any]
    query: Query
    page: Page[Any]


@dataclass(frozen=True, slots=True)
class Pages:
    """Each method answers one route, from the snapshot of the moment."""

    holder: SnapshotHolder
    clock: Clock
    dossiers: Dossiers

    def status(self) -> str:
        snapshot = self.holder.get()
        return self._render("status.html", snapshot, page=page.status_page(snapshot, self.clock.now()))

    def findings(self) -> str:
        snapshot = self.holder.get()
        listing = _listing(FINDINGS, snapshot)
        return self._render("findings.html", snapshot, listing=listing, choices=_finding_choices(snapshot))

    def finding(self, finding_id: str) -> str | tuple[str, int]:
        snapshot = self.holder.get()
        if not FINDING_ID.fullmatch(finding_id):
            abort(404)
        rows = chain(snapshot.findings, snapshot.leaked)
        row = next((row for row in rows if row.finding_id == finding_id), None)
        dossier, fault = self._dossier(finding_id)
        if row is None and fault:
            return self._sorry("The ledger could not be read", f"{fault}."), 503
        if row is None and dossier is None:
            abort(404)
        held = [h for h in snapshot.held_rows if h.finding_id == finding_id]
        story = told(finding_id, row, dossier, self.clock.now())
        return self._render("finding.html", snapshot, story=story, held=held, fault=fault)

    def _dossier(self, finding_id: str) -> tuple[Dossier | None, str]:
        try:
            return self.dossiers.of(finding_id), ""
        except LedgerError as error:
            return None, str(error)

    def accounts(self) -> str:
        snapshot = self.holder.get()
        return self._render("accounts.html", snapshot, listing=_listing(ACCOUNTS, snapshot))

    def held(self) -> str:
        snapshot = self.holder.get()
        guards = sorted({row.guard for row in snapshot.held_rows})
        listing = _listing(HELD, snapshot)
        return self._render("held.html", snapshot, listing=listing, guards=guards[:MOST_CHOICES])

    def download(self, name: str, form: str) -> Response:
        snapshot, sheet = self.holder.get(), SHEETS[name]
        rows = selected(sheet, snapshot, _query(sheet))
        if form == "csv":
            body = csv_text(sheet, rows)
        else:
            body = api.dumps({"as_of": snapshot.taken_at, name.replace("-", "_"): records(sheet, rows)})
        answer = Response(body, mimetype=MIME_TYPES[form])
        answer.headers["Content-Disposition"] = f'attachment; filename="keysteward-{name}.{form}"'
        return answer

    def refused(self, error: BadQuery) -> tuple[str, int]:
        text = f"{str(error)[:1].upper()}{str(error)[1:]}."
        return self._sorry("That can't be shown", text), 400

    def not_found(self, error: NotFound) -> tuple[str, int]:
        text = "There is no such page, or the finding is not known any more."
        return self._sorry("Not found", text), 404

    def _sorry(self, title: str, text: str) -> str:
        return self._render("sorry.html", self.holder.get(), title=title, text=text)

    def _render(self, template: str, snapshot: Snapshot, **context: Any) -> str:
        return render_template(template, s=snapshot, **context, **page.tools(self.clock.now()))


def _query(sheet: Sheet[Any]) -> Query:
    return parse(request.args, sheet.filters, sheet.columns)


def _listing(sheet: Sheet[Row], snapshot: Snapshot) -> Listing:
    query = _query(sheet)
    return Listing(sheet, query, page_of(selected(sheet, snapshot, query), query.page))


def _finding_choices(snapshot: Snapshot) -> dict[str, list[str]]:
    """What the filters offer, from the mildest state to the worst."""
    rows = snapshot.findings
    shown = {row.state for row in rows}
    ranked = [state for state, _ in states(snapshot) if state in shown]
    return {
        "state": ranked + sorted(shown - set(ranked)),
        "rule": _distinct(rows, lambda row: row.rule),
        "kind": _distinct(rows, lambda row: row.kind),
        "account": _distinct(rows, lambda row: row.account),
        "owner": _distinct(rows, lambda row: row.owner),
    }


def _distinct(rows: Iterable[FindingRow], value: Callable[[FindingRow], str]) -> list[str]:
    return sorted({str(value(row)) for row in rows} - {""})[:MOST_CHOICES]


def add_pages(app: Flask, pages: Pages) -> None:
    app.add_url_rule("/", "status", pages.status, methods=["GET"])
    app.add_url_rule("/findings", "findings", pages.findings, methods=["GET"])
    app.add_url_rule("/findings/<finding_id>", "finding", pages.finding, methods=["GET"])
    app.add_url_rule("/accounts", "accounts", pages.accounts, methods=["GET"])
    app.add_url_rule("/held", "held", pages.held, methods=["GET"])
    names = ", ".join(f"'{name}'" for name in SHEETS)
    app.add_url_rule(
        f"/<any({names}):name>.<any(csv, json):form>", "download", pages.download, methods=["GET"]
    )
    app.register_error_handler(BadQuery, pages.refused)
    app.register_error_handler(404, pages.not_found)
