"""The ledger on one table of DynamoDB."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from app.errors import LedgerError, NoLedger, Paused
from app.ledger.chain import Ends, Sealed
from app.ledger.claims import CLAIMABLE, claimed, requeued
from app.ledger.dynamodb import control, keys, pruning, reading, trail, writing
from app.ledger.dynamodb.address import Address
from app.ledger.dynamodb.draft import Draft
from app.ledger.dynamodb.forgetting import forget
from app.ledger.dynamodb.journal import Journal
from app.ledger.dynamodb.moving import Mover
from app.ledger.dynamodb.pages import Page
from app.ledger.dynamodb.seat import Chair
from app.ledger.dynamodb.store import Store
from app.ledger.dynamodb.table import WORKERS, Table
from app.ledger.dynamodb.waits import Waits
from app.ledger.dynamodb.wire import SdkWire, Wire
from app.ledger.interface import AccountRows, Change, Lease, Ledger, LedgerView
from app.ledger.moving import Dump, Row
from app.ledger.tenure import TERM, Tenure
from app.model import CopyMark, Delivery, DeliveryState, Event, Facts, Finding, KeptReport, Pause
from app.plan.kept import Approval, HeldPlan, Hold

SEARCHED_AT_ONCE = 100  # accounts


def open_dynamodb(url: str, create: bool, term: timedelta = TERM) -> Ledger:
    """``dynamodb://TABLE?region=REGION``. Raises `LedgerError`.

    A table is never made here: a name with a typing error would be an empty memory, and everybody would be
    told everything again. Where the table is there and empty, ``create`` begins a ledger in it; without it,
    that is a `NoLedger`.
    """
    address = address_of(url)
    return ledger_over(SdkWire(address), address, create, term=term)


def ledger_over(
    wire: Wire,
    address: Address,
    create: bool = True,
    waits: Waits | None = None,
    term: timedelta = TERM,
    workers: int = WORKERS,
) -> Ledger:
    """The ledger behind ``wire``."""
    waits = waits or Waits()
    table = Table(wire, address.table, waits, workers)
    store = Store(table, waits)
    store.open(Page(keys.CONTROL, control.new()) if create else None)
    return DynamoLedger(store, Tenure(Chair(table), term), Mover(table, store), address.audit_days)


def dynamodb_schema(url: str) -> str | None:
    """The shape of what the table holds; None: it holds no ledger. Raises `LedgerError`."""
    address = address_of(url)
    try:
        head = Journal(Table(SdkWire(address), address.table, Waits())).head()
    except NoLedger:  # not even a table
        return None
    return str(head.shape) if head else None


def address_of(url: str) -> Address:
    """Raises `LedgerError`."""
    try:
        return Address.parse(url)
    except ValueError as error:
        raise LedgerError(f"the ledger's URL {error}") from None


class DynamoLedger:
    """`Ledger` over ``store``. ``audit_days``: for how long events are kept; None: for ever."""

    def __init__(self, store: Store, tenure: Tenure, mover: Mover, audit_days: int | None = None) -> None:
        self._store, self._tenure, self._mover, self._audit_days = store, tenure, mover, audit_days

    # --- reading ---------------------------------------------------------------------------------

    def view(self) -> LedgerView:
        return self._store.read(lambda now: reading.frame(now).with_rows(reading.everything(now)))

    def frame(self) -> LedgerView:
        return self._store.read(reading.frame)

    def account(self, account_id: str) -> AccountRows:
        return self._store.read(lambda now: reading.account(now, account_id))

    def accounts_with_findings(self) -> frozenset[str]:
        return self._store.read(reading.accounts_with_findings)

    def search(self, wanted: Callable[[Facts], bool]) -> Sequence[Facts]:
        """A hundred accounts as of one moment: while a run writes, no moment lasts for them all."""
        ids = self._store.read(reading.accounts_with_facts)
        groups = (ids[start : start + SEARCHED_AT_ONCE] for start in range(0, len(ids), SEARCHED_AT_ONCE))
        looks = (partial(reading.search, accounts=group, wanted=wanted) for group in groups)
        return [facts for look in looks for facts in self._store.read(look)]

    def finding(self, finding_id: str) -> Finding | None:
        return self._store.read(lambda now: reading.finding(now, finding_id))

    def on_ticket(self, sink: str, ticket: str) -> Sequence[Finding]:
        return self._store.read(lambda now: reading.on_ticket(now, sink, ticket))

    def has_tickets(self, sink: str) -> bool:
        return self._store.read(lambda now: reading.has_tickets(now, sink))

    def kept_report(self, account_id: str) -> KeptReport | None:
        return self._store.read(lambda now: reading.kept_report(now, account_id))

    def held_plans(self) -> Sequence[HeldPlan]:
        return self._store.read(reading.held_plans)

    def approvals(self) -> Sequence[Approval]:
        return self._store.read(reading.approvals)

    def holds(self) -> Sequence[Hold]:
        return self._store.read(reading.holds)

    def delivery(self, delivery_id: str) -> Delivery | None:
        return self._store.read(lambda now: reading.delivery(now, delivery_id))

    def deliveries_of(self, finding_id: str) -> Sequence[Delivery]:
        return self._store.read(lambda now: reading.deliveries_of(now, finding_id))

    def undelivered(self) -> Sequence[Delivery]:
        return self._store.read(reading.open_deliveries)

    def abandoned(self, lease: Lease) -> tuple[Delivery, ...]:
        taken = (row for row in self.undelivered() if row.state is DeliveryState.CLAIMED)
        return tuple(row for row in taken if row.epoch < lease.epoch)

    def events(self, since: datetime | None = None) -> Sequence[Event]:
        return self._store.read(lambda now: trail.events(now, since))

    def sealed(self, since_seq: int | None = None) -> Iterator[Sealed]:
        place = self._store.read(lambda now: trail.place_of(now, since_seq))
        while place:
            part = self._store.read(partial(trail.stretch, start=place))
            yield from (one for one in part.events if since_seq is None or one.seq >= since_seq)
            place = part.more

    def chain(self) -> Ends:
        return self._store.read(reading.ends)

    def copied(self, target: str) -> CopyMark:
        return self._store.read(lambda now: reading.copied(now, target))

    def paused(self) -> Pause | None:
        return self._store.read(reading.pause)

    def rehearsal(self) -> datetime | None:
        return self._store.read(reading.rehearsal)

    def picture(self) -> bytes | None:
        return self._store.read(reading.picture)

    # --- writing ---------------------------------------------------------------------------------

    def apply(self, change: Change, lease: Lease | None = None) -> None:
        def make(draft: Draft) -> None:
            writing.write(draft, change)
            forget(draft, change)

        self._store.write(make, lease)

    def claim(self, ids: Iterable[str], message_id: str, lease: Lease) -> tuple[Delivery, ...]:
        wanted = tuple(dict.fromkeys(ids))

        def make(draft: Draft) -> tuple[Delivery, ...]:
            found = _in_state(draft, wanted, CLAIMABLE)
            _check_pause(draft)
            taken = [claimed(row, message_id, lease) for row in found]
            writing.deliveries(draft, taken)
            return tuple(replace(new, state=old.state) for new, old in zip(taken, found, strict=True))

        return self._store.write(make, lease)

    def keep_picture(self, body: bytes) -> None:
        self._store.write(lambda draft: writing.picture(draft, body))

    def approve(self, approval: Approval, event: Event) -> bool:
        def make(draft: Draft) -> bool:
            written = writing.approve(draft, approval)
            if written:
                trail.write(draft, (event,))
            return written

        return self._store.write(make)

    def requeue(self, events: Mapping[str, Event], at: datetime) -> tuple[Delivery, ...]:
        def make(draft: Draft) -> tuple[Delivery, ...]:
            back = tuple(requeued(row, at) for row in _in_state(draft, tuple(events), {DeliveryState.DEAD}))
            writing.deliveries(draft, back)
            trail.write(draft, [events[row.id] for row in back])
            return back

        return self._store.write(make)

    def prune(self, before: datetime, lease: Lease) -> Mapping[str, int]:
        counts = pruning.prune(self._store, before, lease)
        if self._audit_days is not None:
            counts["events"] = pruning.cut_trail(self._store, timedelta(days=self._audit_days), lease)
        return counts

    def pause(self, pause: Pause | None, event: Event) -> None:
        def make(draft: Draft) -> None:
            writing.pause(draft, pause)
            trail.write(draft, (event,))

        self._store.write(make)

    def mark_rehearsal(self, at: datetime) -> None:
        self._store.write(lambda draft: writing.rehearsal(draft, at))

    def lease(self, holder: str, wait: timedelta) -> AbstractContextManager[Lease | None]:
        return self._tenure.hold(holder, wait)

    def held(self) -> bool:
        return self._tenure.held()

    def orphaned(self) -> bool:
        return self._tenure.orphaned()

    def dump(self) -> AbstractContextManager[Dump]:
        return self._mover.dump()

    def fill(self, rows: Iterable[Row]) -> None:
        self._mover.fill(rows)

    def close(self) -> None:
        self._store.close()


def _check_pause(draft: Draft) -> None:
    pause = control.pause(draft.rows(keys.CONTROL))
    if pause:
        raise Paused(f"paused by {pause.by}: {pause.reason}; `keysteward resume` goes on")


def _in_state(draft: Draft, ids: Sequence[str], states: Iterable[DeliveryState]) -> list[Delivery]:
    """Of those that there are."""
    draft.load([keys.CONTROL, *map(keys.finding_of, ids), *map(keys.open_of, ids)])
    texts = (draft.rows(keys.finding_of(one)).get(one) for one in ids)
    found = (reading.load_delivery(text) for text in texts if text)
    return [row for row in found if row.state in states]
