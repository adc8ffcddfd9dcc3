"""Domain objects from pages."""

import json
from base64 import b64decode
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime

from app.ledger import rows
from app.ledger.dynamodb import keys
from app.ledger.dynamodb.items import Key
from app.ledger.dynamodb.pages import Rows
from app.ledger.dynamodb.snapshot import Snapshot
from app.ledger.interface import AccountRows, LedgerView
from app.model import Delivery, Event, Facts, Finding, KeptReport, Pause, RunRecord
from app.plan.record import Refusals

PAUSE, REHEARSAL, LAST_RUN = "pause", "rehearsal", "last_run"  # rows of the control page


def frame(snapshot: Snapshot) -> LedgerView:
    pages = snapshot.partition(keys.FRAME)
    known, snoozes, refusals = (pages.get(sk, {}) for _, sk in (keys.CONTROL, keys.SNOOZES, keys.REFUSALS))
    states = _joined(snapshot.partition(keys.ACCOUNTS).values())
    return LedgerView(
        snoozes={s.uid: s for s in map(rows.SNOOZE.load, snoozes.values())},
        refusals=Refusals(map(rows.REFUSAL.load, refusals.values())),
        accounts={a.account_id: a for a in map(rows.ACCOUNT.load, states.values())},
        last_run=last_run(known),
        pause=pause(known),
    )


def control(snapshot: Snapshot) -> Rows:
    return _page(snapshot, keys.CONTROL)


def pause(known: Rows) -> Pause | None:
    return rows.PAUSE.load(known[PAUSE]) if PAUSE in known else None


def rehearsal(known: Rows) -> datetime | None:
    return datetime.fromisoformat(known[REHEARSAL]) if REHEARSAL in known else None


def last_run(known: Rows) -> RunRecord | None:
    return rows.RUN.load(known[LAST_RUN]) if LAST_RUN in known else None


def account(snapshot: Snapshot, account_id: str) -> AccountRows:
    pages = snapshot.partition(keys.account(account_id))
    findings = _findings(snapshot, pages.get(keys.FINDINGS, ()))
    return _rows(pages.get(keys.FACTS, {}), findings, pages.get(keys.USERS, {}))


def everything(snapshot: Snapshot) -> AccountRows:
    """As of one account, but of all; without the users, whom no plan asks for."""
    index = snapshot.pages((keys.WITH_FACTS, keys.WITH_FINDINGS))
    with_facts, with_findings = (index.get(key, {}) for key in (keys.WITH_FACTS, keys.WITH_FINDINGS))
    facts = _joined(snapshot.pages(map(keys.facts_of, with_facts)).values())
    ids = _joined(snapshot.pages(map(keys.findings_of, with_findings)).values())
    return _rows(facts, _findings(snapshot, ids), {})


def accounts_with_facts(snapshot: Snapshot) -> list[str]:
    return sorted(_page(snapshot, keys.WITH_FACTS))


def accounts_with_findings(snapshot: Snapshot) -> frozenset[str]:
    return frozenset(_page(snapshot, keys.WITH_FINDINGS))


def search(snapshot: Snapshot, accounts: Iterable[str], wanted: Callable[[Facts], bool]) -> list[Facts]:
    found = _joined(snapshot.pages(map(keys.facts_of, accounts)).values())
    return [facts for facts in map(rows.FACTS.load, found.values()) if wanted(facts)]


def finding(snapshot: Snapshot, finding_id: str) -> Finding | None:
    page = _page(snapshot, keys.finding(finding_id))
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
    return load_report(account_id, body) if body else None


def delivery(snapshot: Snapshot, delivery_id: str) -> Delivery | None:
    text = _page(snapshot, keys.finding_of(delivery_id)).get(delivery_id)
    return load_delivery(text) if text else None


def deliveries_of(snapshot: Snapshot, finding_id: str) -> list[Delivery]:
    return _in_order(_texts(_page(snapshot, keys.finding(finding_id)), f"{finding_id}/"))


def open_deliveries(snapshot: Snapshot) -> list[Delivery]:
    """Those that are pending, claimed, failed, ambiguous or dead."""
    ids = _joined(snapshot.partition(keys.OPEN).values())
    known = _joined(snapshot.pages(map(keys.finding_of, ids)).values())
    return _in_order(known[one] for one in ids)


def events(snapshot: Snapshot, since: datetime | None) -> list[Event]:
    pages = snapshot.partition(keys.EVENTS, since=stamp(since) if since else "", appended=True)
    found = (rows.EVENT.load(text) for page in pages.values() for text in page.values())
    return [event for event in found if since is None or event.at >= since]


def load_report(account_id: str, body: str) -> KeptReport:
    kept_at, made_at, content = json.loads(body)
    kept, made = datetime.fromisoformat(kept_at), datetime.fromisoformat(made_at)
    return KeptReport(account_id, kept, made, b64decode(content))


def load_delivery(text: str) -> Delivery:
    """Of a row that begins with its place in the order of creation."""
    return rows.DELIVERY.load(text.partition(" ")[2])


def stamp(instant: datetime) -> str:
    """Sorts as text in the order of time."""
    return instant.astimezone(UTC).isoformat(timespec="microseconds")


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
