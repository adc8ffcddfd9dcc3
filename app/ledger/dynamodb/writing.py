"""Domain objects into pages."""

import json
from base64 import b64encode
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from app.errors import ConflictingWrite, LedgerError
from app.ledger import rows
from app.ledger.dynamodb import keys, reading
from app.ledger.dynamodb.draft import Draft
from app.ledger.dynamodb.items import Key
from app.ledger.dynamodb.pages import Page
from app.ledger.interface import Change
from app.model import (
    UNDELIVERED,
    AccountState,
    Delivery,
    DeliveryState,
    Event,
    Facts,
    Finding,
    FindingState,
    KeptReport,
    Pause,
    Refusal,
    RememberedUser,
    RunRecord,
    Snooze,
)

OPEN_STATES = UNDELIVERED | {DeliveryState.DEAD}
HERE = ""  # the row of an index: that its key is there is all it says


def write(draft: Draft, change: Change, audit_days: int | None) -> None:
    """Raises `ConflictingWrite` when a finding's revision is not the stored one."""
    draft.load(_touched(change))
    _findings(draft, change.findings)
    deliveries(draft, change.deliveries)
    _facts(draft, change.facts)
    _forget(draft, change.forget)
    _users(draft, change.users)
    _snoozes(draft, change.snoozes)
    _refusals(draft, change.refusals)
    _accounts(draft, change.accounts)
    _reports(draft, change.reports)
    events(draft, change.events, audit_days)
    if change.run:
        _run(draft, change.run)


def deliveries(draft: Draft, changed: Iterable[Delivery]) -> None:
    for row in changed:
        page, open_ = draft.rows(keys.finding(row.finding_id)), draft.rows(keys.open_of(row.id))
        place = page[row.id].partition(" ")[0] if row.id in page else draft.place()
        page[row.id] = f"{place} {rows.DELIVERY.dump(row)}"
        if row.state in OPEN_STATES:
            open_[row.id] = HERE
        else:
            open_.pop(row.id, None)


def events(draft: Draft, happened: Sequence[Event], audit_days: int | None) -> None:
    if happened:
        latest = max(event.at for event in happened)
        ends = int((latest + timedelta(days=audit_days)).timestamp()) if audit_days else 0
        page = {str(number): rows.EVENT.dump(event) for number, event in enumerate(happened)}
        draft.put(Page(keys.events(draft.seq), page, reading.stamp(latest), ends))


def pause(draft: Draft, pause: Pause | None) -> None:
    control = draft.rows(keys.CONTROL)
    control.pop(reading.PAUSE, None)
    if pause:
        control[reading.PAUSE] = rows.PAUSE.dump(pause)


def rehearsal(draft: Draft, at: datetime) -> None:
    """Raises `LedgerError` in a ledger of normal runs."""
    control = draft.rows(keys.CONTROL)
    if reading.REHEARSAL not in control and reading.LAST_RUN in control:
        raise LedgerError("this ledger belongs to normal runs: a rehearsal needs a ledger of its own")
    control.setdefault(reading.REHEARSAL, at.isoformat())


def _touched(change: Change) -> Iterator[Key]:
    """What is known to be needed, so that one request reads it."""
    yield from (keys.facts_of(f.account_id) for f in change.facts)
    yield from (keys.facts_of(_account_of(uid)) for uid in change.forget)
    yield from (keys.users_of(u.account_id) for u in change.users)
    yield from (keys.findings_of(f.account_id) for f in change.findings)
    yield from (keys.finding(f.id) for f in change.findings)
    yield from (keys.finding(d.finding_id) for d in change.deliveries)
    yield from (keys.open_of(d.id) for d in change.deliveries)
    yield from (keys.state_of(a.account_id) for a in change.accounts)


def _findings(draft: Draft, findings: Sequence[Finding]) -> None:
    for finding in findings:
        _check_revision(draft, finding)
    for finding in findings:
        page, old = draft.rows(keys.finding(finding.id)), _stored(draft, finding.id)
        page[keys.THE_FINDING] = rows.FINDING.dump(replace(finding, revision=finding.revision + 1))
        _index(
            draft, keys.findings_of(finding.account_id), finding.id, keys.WITH_FINDINGS, finding.account_id
        )
        _move_tickets(draft, finding.id, _tickets(old), _tickets(finding))


def _check_revision(draft: Draft, finding: Finding) -> None:
    stored = _stored(draft, finding.id)
    if (stored.revision if stored else 0) != finding.revision:
        raise ConflictingWrite(f"finding {finding.id} was changed meanwhile: the next run plans again")


def _stored(draft: Draft, finding_id: str) -> Finding | None:
    text = draft.rows(keys.finding(finding_id)).get(keys.THE_FINDING)
    return rows.FINDING.load(text) if text else None


def _tickets(finding: Finding | None) -> set[tuple[str, str]]:
    """By sink; none of a resolved finding's."""
    if finding is None or finding.state is FindingState.RESOLVED:
        return set()
    return {(sink, ref["key"]) for sink, ref in finding.refs.items() if ref.get("key")}


def _move_tickets(
    draft: Draft, finding_id: str, old: set[tuple[str, str]], new: set[tuple[str, str]]
) -> None:
    for sink, ticket in old - new:
        draft.rows(keys.ticket(sink, ticket)).pop(finding_id, None)
    for sink, ticket in new - old:
        draft.rows(keys.ticket(sink, ticket))[finding_id] = ticket


def _index(draft: Draft, page: Key, row: str, index: Key, account_id: str) -> None:
    """Notes a row in its account's page, and the account in the index of those that have any."""
    known = draft.rows(page)
    if not known:
        draft.rows(index)[account_id] = HERE
    known[row] = HERE


def _facts(draft: Draft, changed: Iterable[Facts]) -> None:
    for facts in changed:
        page = draft.rows(keys.facts_of(facts.account_id))
        if not page:
            draft.rows(keys.WITH_FACTS)[facts.account_id] = HERE
        page[facts.uid] = rows.FACTS.dump(facts)


def _forget(draft: Draft, uids: Iterable[str]) -> None:
    for uid in uids:
        draft.rows(keys.facts_of(_account_of(uid))).pop(uid, None)


def _account_of(uid: str) -> str:
    return uid.partition("/")[0]


def _users(draft: Draft, changed: Iterable[RememberedUser]) -> None:
    for user in changed:
        draft.rows(keys.users_of(user.account_id))[user.user] = rows.USER.dump(user)


def _snoozes(draft: Draft, changed: Iterable[Snooze]) -> None:
    for snooze in changed:
        draft.rows(keys.SNOOZES)[snooze.uid] = rows.SNOOZE.dump(snooze)


def _refusals(draft: Draft, changed: Iterable[Refusal]) -> None:
    for refusal in changed:
        draft.rows(keys.REFUSALS)[f"{refusal.uid} {refusal.address}"] = rows.REFUSAL.dump(refusal)


def _accounts(draft: Draft, changed: Iterable[AccountState]) -> None:
    for state in changed:
        draft.rows(keys.state_of(state.account_id))[state.account_id] = rows.ACCOUNT.dump(state)


def _reports(draft: Draft, kept: Iterable[KeptReport]) -> None:
    """Large, and written when there is a new one only: what it replaces isn't read."""
    for report in kept:
        instants = [reading.stamp(at) for at in (report.kept_at, report.made_at)]
        body = json.dumps([*instants, b64encode(report.content).decode()])
        draft.put(Page(keys.report_of(report.account_id), {report.account_id: body}))


def _run(draft: Draft, run: RunRecord) -> None:
    body = rows.RUN.dump(run)
    draft.rows(keys.runs(draft.seq))[str(draft.seq)] = body
    draft.rows(keys.CONTROL)[reading.LAST_RUN] = body
