"""What a predecessor left half done when it died: looked at before anything is planned.

A notice that may have been sent is looked for, then sent again. An act is read back from AWS: carried out, it
is recorded as inferred, with its notices and restorable; else every check runs again.
"""

import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from app.errors import KeystewardError
from app.ledger.interface import Change
from app.model import (
    DESTRUCTIVE,
    Account,
    Credential,
    Delivery,
    DeliveryState,
    Do,
    Event,
    Finding,
    Mode,
    Verb,
    redact,
)
from app.plan.facts import SETTLING, as_remembered
from app.plan.obsolete import TELLING
from app.policy.evaluate import Decision
from app.policy.rules import Inactive, Rule, Stage
from app.service.act import took_effect
from app.service.done import DONE, event_of, record_done
from app.service.settle import Round, write
from app.telemetry import log_fields

log = logging.getLogger(__name__)


def recover(round_: Round, accounts: Mapping[str, Account]) -> list[str]:
    """Settles every abandoned claim; returns the ids of notices that this gave rise to."""
    recover_notices(round_)
    to_send: list[str] = []
    for row in _unsettled_acts(round_):
        log.warning("found an interrupted act", **log_fields(delivery=row.id))
        to_send += _act(round_, row, accounts)
    return to_send


def recover_notices(round_: Round) -> None:
    """They may have been sent: they are looked for, then sent again."""
    now = round_.parts.clock.now()
    for row in round_.parts.ledger.abandoned(round_.lease):
        if row.verb in TELLING:
            log.warning("found an interrupted delivery", **log_fields(delivery=row.id))
            lost = replace(row, state=DeliveryState.AMBIGUOUS, next_attempt_at=now)
            write(round_, [replace(lost, error="interrupted: it may have been sent")], [])


def _unsettled_acts(round_: Round) -> list[Delivery]:
    """Claims whose actor died, and acts that may have landed after their time-out."""
    late = (r for r in round_.parts.ledger.undelivered() if r.state is DeliveryState.AMBIGUOUS)
    abandoned = round_.parts.ledger.abandoned(round_.lease)
    return [row for row in (*abandoned, *late) if row.verb in DESTRUCTIVE]


def _act(round_: Round, row: Delivery, accounts: Mapping[str, Account]) -> list[str]:
    finding = round_.book.get(row.finding_id)
    account = accounts.get(finding.account_id) if finding else None
    if finding is None or account is None:
        return []  # left as it is until the account is back
    now = round_.parts.clock.now()
    try:
        seen = round_.parts.reader.read(account, finding.user, finding.key_id, now)
    except KeystewardError as error:
        round_.tally.failures.append(
            f"an interrupted {row.verb} of {finding.masked} can't be checked: {redact(str(error))}"
        )
        return []
    if not took_effect(row.verb, seen):
        # IAM shows a change late, and a call in flight may land late: should it be seen then, it was ours.
        if timedelta(0) <= now - row.created_at < SETTLING:
            return []
        _settle(round_, row, DeliveryState.CANCELLED, "interrupted before it took effect")
        return []
    return _infer(round_, row, account, finding, seen)


def _infer(
    round_: Round, row: Delivery, account: Account, finding: Finding, seen: Credential | None
) -> list[str]:
    facts = round_.parts.ledger.account(finding.account_id).facts.get(finding.uid)
    rule, stage = _rung(round_, finding, row)
    row = replace(row, payload={**row.payload, "seen": _seen(round_, seen)})
    if facts is None:
        event = event_of(round_, row, finding, DONE[row.verb], "inferred after an interruption")
        _settle(round_, row, DeliveryState.DELIVERED, "inferred after an interruption", event)
        return []
    credential = seen or replace(as_remembered(facts), tags={}, groups=())
    decision: Decision = round_.ctx.evaluate(account, credential, facts.inactive_since)
    ids = record_done(
        round_,
        row,
        account,
        credential,
        finding,
        replace(decision, rule=rule),
        stage,
        how="done (inferred)",
    )
    # In `observe` nothing leaves the house: its notices wait in the ledger until the mode is raised.
    return [] if decision.mode is Mode.OBSERVE else ids


def _seen(round_: Round, credential: Credential | None) -> dict[str, str]:
    """By what the act is inferred."""
    status = credential.status if credential else "gone"
    return {"read_at": round_.parts.clock.now().isoformat(), "status": status}


def _rung(round_: Round, finding: Finding, row: Delivery) -> tuple[Rule | None, Stage]:
    """The rule and stage of the act; of a policy edited meanwhile, a stage that tells whoever was told."""
    rules = (r for r in round_.parts.policy.rules if r.name == finding.rule)
    found = next(((r, s) for r in rules for s in r.stages if s.name == row.stage and s.do), None)
    if found:
        return found
    told = round_.parts.ledger.deliveries_of(finding.id)
    sinks = dict.fromkeys(d.sink for d in told if d.verb is Verb.NOTIFY and d.episode == row.episode)
    return None, Stage(row.stage, Inactive(timedelta(0)), tuple(sinks), do=Do(row.verb.value))


def _settle(round_: Round, row: Delivery, state: DeliveryState, error: str, *events: Event) -> None:
    settled = replace(row, state=state, settled_at=round_.parts.clock.now(), error=error)
    write(round_, [settled], [], Change(events=events))
