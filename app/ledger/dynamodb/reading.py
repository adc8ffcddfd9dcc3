"""Domain objects from pages."""

import json
from base64 import b64decode
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

from app.ledger import rows
from app.ledger.chain import Ends
from app.ledger.dynamodb import control, keys
from app.ledger.dynamodb.items import Key
from app.ledger.dynamodb.pages import Rows
from app.ledger.dynamodb.snapshot import Snapshot
from app.ledger.interface import AccountRows, LedgerView
from app.model import CopyMark, Delivery, Facts, Finding, KeptReport, Pause, RunRecord
from app.plan.kept import Approval, HeldPlan, Hold
from app.plan.record import Refusals


def frame(snapshot: Snapshot) -> LedgerView:
    pages = snapshot.partition(keys.FRAME)
    known, snoozes, refusals, breakers = (
        pages.get(sk, {}) for _, sk in (keys.CONTROL, keys.SNOOZES, keys.REFUSALS, keys.BREAKERS)
    )
    states = _joined(snapshot.partition(keys.ACCOUNTS).values())
    return LedgerView(
        snoozes={s.uid: s for s in map(rows.SNOOZE.load, snoozes.values())},
        refusals=Refusals(map(rows.REFUSAL.load, refusals.values())),
        accounts={a.account_id: a for a in map(rows.ACCOUNT.load, states.values())},
        breakers={b.sink: b for b in map(rows.BREAKER.load, breakers.values())},
        last_run=control.last_run(known),
        pause=control.pause(known),
        canary=control.canary(known),
    )


def pause(snapshot: Snapshot) -> Pause | None:
    return control.pause(_page(snapshot, keys.CONTROL))


def last_run(snapshot: Snapshot) -> RunRecord | None:
    return control.last_run(_page(snapshot, keys.CONTROL))


def rehearsal(snapshot: Snapshot) -> datetime | None:
    return control.rehearsal(_page(snapshot, keys.CONTROL))


def ends(snapshot: Snapshot) -> Ends:
    return control.ends(_page(snapshot, keys.CONTROL))


def copied(snapshot: Snapshot, target: str) -> CopyMark:
    return control.copied(_page(snapshot, keys.CONTROL), target)


def account(snapshot: Snapshot, account_id: str) -> AccountRows:
    pages = snapshot.partition(keys.account(account_id))
    findings = _findings(snapshot, pages.get(keys.FINDINGS, ()))
    return _rows(pages.get(keys.FACTS, {}), findings, pages.get(keys.USERS, {}))


def everything(snapshot: Snapshot) -> AccountRows:
    """As of one account, but of all; without the users, whom no plan asks for."""
    index = snapshot.pages((keys.WITH_FACTS, keys.WITH_FINDINGS))
    with_facts, with_findings = (index.get(key, {}) for key in (keys.WITH_FACTS, keys.WITH_FINDINGS))
    facts = _joined(snapshot.pages(map(keys.facts_of, with_facts)).values())
    return _rows(facts, _findings(snapshot, finding_ids(snapshot, with_findings)), {})


def accounts_with_facts(snapshot: Snapshot) -> list[str]:
    return sorted(_page(snapshot, keys.WITH_FACTS))


def accounts_with_findings(snapshot: Snapshot) -> frozenset[str]:
    return frozenset(_page(snapshot, keys.WITH_FINDINGS))


def strays(snapshot: Snapshot) -> list[str]:
    return list(_page(snapshot, keys.STRAYS))


def finding_ids(snapshot: Snapshot, accounts: Iterable[str]) -> list[str]:
    return list(_joined(snapshot.pages(map(keys.findings_of, accounts)).values()))


def search(snapshot: Snapshot, accounts: Iterable[str], wanted: Callable[[Facts], bool]) -> list[Facts]:
    found = _joined(snapshot.pages(map(keys.facts_of, accounts)).values())
    return [facts for facts in map(rows.FACTS.load, found.values()) if wanted(facts)]


def finding(snapshot: Snapshot, finding_id: str) -> Finding | None:
    return finding_in(_page(snapshot, keys.finding(finding_id)))


def finding_in(page: Rows) -> Finding | None:
    return rows.FINDING.load(page[keys.THE_FINDING]) if keys.THE_FINDING in page else None


def on_ticket(snapshot: Snapshot, sink: str, ticket: str) -> list[Finding]:
    page = _page(snapshot, keys.ticket(sink, ticket))
    ids = [finding_id for finding_id, key in page.items() if key == ticket]
    found = (rows.FINDING.load(one[keys.THE_FINDING]) for one in _findings(snapshot, ids))
    return sorted(found, key=lambda finding: finding.id)


def has_tickets(snapshot: Snapshot, sink: str) -> bool:
    return any(snapshot.partition(keys.tickets(sink)).values())


def kept_report(snapshot: Snapshot, account_id: str) -> KeptReport | None:
    body = _page(snapshot, keys.report_of(account_id)).get(account_id)
    if body is None:
        return None
    kept_at, made_at, content = json.loads(body)
    kept, made = datetime.fromisoformat(kept_at), datetime.fromisoformat(made_at)
    return KeptReport(account_id, kept, made, b64decode(content))


def picture(snapshot: Snapshot) -> bytes | None:
    body = _page(snapshot, keys.PICTURE).get("picture")
    return b64decode(body) if body is not None else None


def held_plans(snapshot: Snapshot) -> list[HeldPlan]:
    found = map(rows.HELD_PLAN.load, _page(snapshot, keys.HELD_PLANS).values())
    return sorted(found, key=lambda plan: plan.id)


def approvals(snapshot: Snapshot) -> list[Approval]:
    found = map(rows.APPROVAL.load, _page(snapshot, keys.APPROVALS).values())
    return sorted(found, key=lambda approval: (approval.plan, approval.number))


def holds(snapshot: Snapshot) -> list[Hold]:
    found = map(rows.HOLD.load, _page(snapshot, keys.HOLDS).values())
    return sorted(found, key=lambda hold: (hold.finding_id, hold.guard))


def delivery(snapshot: Snapshot, delivery_id: str) -> Delivery | None:
    text = _page(snapshot, keys.finding_of(delivery_id)).get(delivery_id)
    return load_delivery(text) if text else None


def deliveries_of(snapshot: Snapshot, finding_id: str) -> list[Delivery]:
    return deliveries_in(_page(snapshot, keys.finding(finding_id)))


def deliveries_in(page: Rows) -> list[Delivery]:
    """All of a finding's, in order of creation."""
    return _in_order(text for row, text in page.items() if row != keys.THE_FINDING)


def open_deliveries(snapshot: Snapshot) -> list[Delivery]:
    """Those that are pending, claimed, failed, ambiguous or dead."""
    ids = _joined(snapshot.partition(keys.OPEN).values())
    known = _joined(snapshot.pages(map(keys.finding_of, ids)).values())
    return _in_order(known[one] for one in ids)


def load_delivery(text: str) -> Delivery:
    """Of a row that begins with its place in the order of creation."""
    return rows.DELIVERY.load(text.partition(" ")[2])


def _page(snapshot: Snapshot, key: Key) -> Rows:
    return snapshot.pages((key,)).get(key, {})


def _findings(snapshot: Snapshot, ids: Iterable[str]) -> list[Rows]:
    return list(snapshot.pages(map(keys.finding, ids)).values())


def _rows(facts: Rows, findings: Iterable[Rows], users: Rows) -> AccountRows:
    found = [(rows.FINDING.load(page[keys.THE_FINDING]), page) for page in findings]
    present = ((f.id, _in_order(_texts(page, f"{f.id}/{f.episode}/"))) for f, page in found)
    return AccountRows(
        facts={f.uid: f for f in map(rows.FACTS.load, facts.values())},
        findings={f.uid: f for f, _ in found},
        deliveries={finding_id: deliveries for finding_id, deliveries in present if deliveries},
        users={u.user: u for u in map(rows.USER.load, users.values())},
    )


def _texts(page: Rows, prefix: str) -> Iterator[str]:
    """The rows of the deliveries whose ids begin so."""
    return (text for delivery_id, text in page.items() if delivery_id.startswith(prefix))


def _in_order(texts: Iterable[str]) -> list[Delivery]:
    return list(map(load_delivery, sorted(texts)))


def _joined(pages: Iterable[Rows]) -> Rows:
    """The rows of several pages as one, where their keys are different ones."""
    return {key: text for page in pages for key, text in page.items()}
