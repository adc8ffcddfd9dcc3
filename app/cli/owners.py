"""``keysteward owners``: who answers for what, how we know, and what nobody answers for."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from app.cli import opening, show
from app.cli.look import end, machine
from app.cli.options import at_option, config_option, format_option
from app.cli.progress import shown
from app.model import Owner, Refusal
from app.plan.actions import Judged
from app.policy.near import NEVER
from app.service.preview import Preview, preview

COLUMNS = ("owner", "how", "account_id", "account", "user", "key", "status", "next_owners", "passed_over")
SHOWN_USERS = 3


@dataclass
class Holding:
    """What one address answers for, found in one way."""

    owner: Owner | None
    keys: list[Judged] = field(default_factory=list)

    def cells(self) -> list[str]:
        users = sorted({j.credential.user for j in self.keys})
        more = f" and {len(users) - SHOWN_USERS} more" if len(users) > SHOWN_USERS else ""
        accounts = sorted({j.account.label for j in self.keys})
        place = accounts[0] if len(accounts) == 1 else f"{len(accounts)} accounts"
        who = self.owner or Owner("nobody", "no source names an address")
        return [who.address, who.how, str(len(self.keys)), ", ".join(users[:SHOWN_USERS]) + more, place]


@click.command()
@at_option("As of this date instead of now.")
@format_option("json", "csv")
@config_option
def owners(at: datetime | None, form: str, config_path: Path | None) -> int:
    """Who answers for which keys and how we know. Reads every user live: more calls than a scan."""
    service = opening.to_look(opening.load(config_path), at)
    with shown(service.pulse):
        seen = preview(service.parts(), NEVER)
    if form == "table":
        _tables(seen)
    else:
        machine(form, COLUMNS, [_row(j, seen) for j in seen.plan.judged])
    return end(seen)


def _tables(seen: Preview) -> None:
    held = _holdings(seen.plan.judged)
    columns = ("Owner", "How we know", "Keys", "Users", "Where")
    show.table(f"{len(seen.plan.judged)} access keys", columns, [h.cells() for h in held])
    refusals = seen.ctx.view.refusals_at(seen.ctx.now)
    if refusals:
        show.echo("")
        columns = ("Passed over", "For", "Since", "Who says so", "Why")
        show.table("Addresses that don't answer", columns, [_refusal_cells(r) for r in refusals])
    show.echo(_verdict(held))


def _holdings(judged: Iterable[Judged]) -> list[Holding]:
    """Named owners by their number of keys, then the fallback, then nobody."""
    found: dict[Owner | None, Holding] = {}
    for j in judged:
        owner = j.decision.owner if j.decision else None
        found.setdefault(owner, Holding(owner)).keys.append(j)

    def order(held: Holding) -> tuple[int, int]:
        kind = 2 if held.owner is None else int(held.owner.is_fallback)
        return (kind, -len(held.keys))

    return sorted(found.values(), key=order)


def _refusal_cells(refusal: Refusal) -> list[str]:
    of = f"key …{refusal.uid[-4:]}" if refusal.uid else "all keys: has left"
    return [refusal.address, of, show.date(refusal.at), refusal.by, refusal.reason]


def _verdict(held: Iterable[Holding]) -> str:
    nobody = sum(len(h.keys) for h in held if h.owner is None)
    fallback = sum(len(h.keys) for h in held if h.owner and h.owner.is_fallback)
    return f"\nOnly the fallback answers for {fallback} of these keys, nobody for {nobody}"


def _row(j: Judged, seen: Preview) -> dict[str, Any]:
    candidates = j.decision.owners if j.decision else ()
    owner = candidates[0] if candidates else Owner("", "")
    return {
        "owner": owner.address,
        "how": owner.how,
        "account_id": j.account.id,
        "account": j.account.label,
        "user": j.credential.user,
        "key": j.credential.masked,
        "status": j.credential.status,
        "next_owners": " ".join(o.address for o in candidates[1:]),
        "passed_over": " ".join(sorted(seen.ctx.view.refused(j.credential.uid, seen.ctx.now))),
    }
