"""Commands that only look: scan, plan, explain."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import click

from app.cli import opening, show
from app.cli.options import Span, at_option, config_option, format_option
from app.cli.progress import shown
from app.cli.story import explain_key
from app.model import Mode, Verb
from app.plan.actions import HeldAct, Judged, Plan
from app.plan.brake import waits
from app.policy.evaluate import last_used_text
from app.policy.near import NEVER
from app.policy.stages import stage_due
from app.service.preview import Preview, preview

SCAN_COLUMNS = (
    "account_id",
    "account",
    "user",
    "key",
    "status",
    "created",
    "age_days",
    "last_used",
    "state",
    "reason",
)
PLAN_COLUMNS = ("what", "account_id", "account", "user", "key", "due_at", "why")


@click.command()
@format_option("json", "csv")
@click.option("--live", is_flag=True, help="Read every user live: all key ids, more calls.")
@config_option
def scan(form: str, live: bool, config_path: Path | None) -> int:
    """Inventory with verdicts. Read-only; needs no config: current AWS credentials, default policy."""
    service, ahead = opening.to_look(opening.load(config_path)), NEVER if live else timedelta(0)
    now = service.clock.now()
    if form != "table":
        with shown(service.pulse), show.streamed(form, SCAN_COLUMNS) as write:
            seen = preview(service.parts(), ahead, lambda j: write(_scan_row(j, now)))
        return end(seen)
    with shown(service.pulse):
        seen = preview(service.parts(), ahead)
    rows = (_scan_row(j, now) for j in seen.plan.judged)
    _scan_table(sorted(rows, key=lambda r: -int(r["age_days"])))
    return end(seen)


def _scan_row(j: Judged, now: datetime) -> dict[str, Any]:
    credential = j.credential
    return {
        "account_id": j.account.id,
        "account": j.account.label,
        "user": credential.user,
        "key": credential.masked,
        "status": credential.status,
        "created": credential.created,
        "age_days": (now - credential.created).days,
        "last_used": last_used_text(credential.last_used, now),
        "state": j.state,
        "reason": j.decision.reason.text if j.decision else "far from every stage",
    }


def _scan_table(rows: list[dict[str, Any]]) -> None:
    columns = ("Account", "User", "Key", "Status", "Age", "Last used", "Verdict")
    names = ("account", "user", "key", "status", "age_days", "last_used", "state")
    cells = ([f"{row[name]} d" if name == "age_days" else str(row[name]) for name in names] for row in rows)
    show.table(f"{len(rows)} access keys", columns, cells, style=6)


@click.command()
@at_option("As of this date instead of now.")
@click.option(
    "--until", type=Span(), help="Also the calendar of what comes due within this time, such as 30d."
)
@format_option("json", "csv")
@config_option
def plan(at: datetime | None, until: timedelta | None, form: str, config_path: Path | None) -> int:
    """What a run would do now. Touches nothing."""
    service = opening.to_look(opening.load(config_path), at)
    with shown(service.pulse):
        seen = preview(service.parts(), until or timedelta(0))
    rows = [*_plan_rows(seen.plan), *(_calendar(seen, until) if until else ())]
    if form == "table":
        _plan_table(seen.plan, rows)
    else:
        machine(form, PLAN_COLUMNS, rows)
    return end(seen)


def _plan_rows(made: Plan) -> Iterator[dict[str, Any]]:
    for act in made.acts:
        key, account = act.credential.masked, act.account
        yield _row(
            act.verb.value,
            account.id,
            account.label,
            act.credential.user,
            key,
            act.due_at,
            _why(made, act.finding.id),
        )
    rows = {d.id: d for d in made.change.deliveries}
    for row in (rows[i] for i in made.send if i in rows):
        p = row.payload
        what = f"{row.stage} notice by {row.sink}" if row.verb is Verb.NOTIFY else f"resolve in {row.sink}"
        why = f"to {row.recipient or 'nobody'}: {p['headline']}"
        yield _row(what, p["account_id"], p["account"], p["user"], p["key_tail"], row.names_date, why)
    for held in made.held:
        yield _held_row(held)
    yield from (row for j in made.judged for row in _observed(j))


def _observed(j: Judged) -> Iterator[dict[str, Any]]:
    """In `observe` nothing is planned: what each key would be at is shown instead."""
    decision, account, credential = j.decision, j.account, j.credential
    if decision and decision.stage and decision.mode is Mode.OBSERVE:
        what = f"observed: {decision.stage.name}"
        user, why = credential.user, decision.reason.text
        yield _row(what, account.id, account.label, user, credential.masked, decision.due_at, why)


def _held_row(h: HeldAct) -> dict[str, Any]:
    what = f"held: {h.verb.value} ({h.guard})"
    return _row(what, h.account_id, h.account, h.user, h.key, h.due_at, h.text)


def _row(
    what: str, account_id: str, account: str, user: str, key: str, due_at: datetime | None, why: str
) -> dict[str, Any]:
    values = (what, account_id, account, user, key, due_at, why)
    return dict(zip(PLAN_COLUMNS, values, strict=True))


def _why(made: Plan, finding_id: str) -> str:
    found = (
        j.decision.reason.text for j in made.judged if j.finding and j.finding.id == finding_id and j.decision
    )
    return next(found, "")


def _calendar(seen: Preview, until: timedelta) -> Iterable[dict[str, Any]]:
    """When each stage comes due if nothing changes; destructive ones on the day that notices name."""
    now, found = seen.plan.now, []
    for j in seen.plan.judged:
        for what, due in _coming(seen, j):
            if now < due <= now + until:
                key, why = j.credential.masked, "if nothing changes"
                found.append(
                    _row(f"{what} on", j.account.id, j.account.label, j.credential.user, key, due, why)
                )
    return sorted(found, key=lambda row: row["due_at"])


def _coming(seen: Preview, j: Judged) -> Iterator[tuple[str, datetime]]:
    decision = j.decision
    if decision is None or decision.rule is None or decision.exempt:
        return
    for stage in decision.rule.stages:
        due = stage_due(stage, j.credential, j.inactive_since)
        named = j.next_act_at if stage.do and j.next_act and stage.do.value == j.next_act.value else None
        if due and (named or due):
            yield stage.name, max(due, named) if named else due


def _plan_table(made: Plan, rows: list[dict[str, Any]]) -> None:
    columns = ("What", "Account", "User", "Key", "Date", "Why")
    cells = [[r["what"], r["account"], r["user"], r["key"], show.date(r["due_at"]), r["why"]] for r in rows]
    if cells:
        show.table(f"Plan as of {show.date(made.now)}", columns, cells, sentence=True)
    else:
        show.echo(f"Nothing to do as of {show.date(made.now)}: {len(made.judged)} keys, none is due")


def machine(form: str, columns: tuple[str, ...], rows: list[dict[str, Any]]) -> None:
    if form == "json":
        show.as_json(rows)
    else:
        show.as_csv(columns, rows)


def end(seen: Preview) -> int:
    if seen.plan.braked:
        show.warn(waits(seen.plan))
    for guard, number in seen.plan.unlisted.items():
        show.warn(f"not listed: {number:,} more held by {guard}")
    for text in seen.warnings:
        show.warn(f"warning: {text}")
    for text in seen.failures:
        show.warn(f"failed: {text}")
    return 1 if seen.failures else 0


@click.command()
@click.argument("key")
@at_option("As of this date instead of now.")
@format_option("json")
@config_option
def explain(key: str, at: datetime | None, form: str, config_path: Path | None) -> int:
    """Why KEY is where it is.

    Shows the rule that matched, each stage's date and what was delivered. KEY is the last four characters,
    the full id, a user's name or the finding's id (KS-…).
    """
    service = opening.to_look(opening.load(config_path), at)
    with shown(service.pulse):
        story = explain_key(service.parts(), key)
    if form == "json":
        show.as_json(story.data())
    else:
        story.print()
    return 0
