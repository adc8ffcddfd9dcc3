"""What of the pages can go: found by reading, decided once more in the change that drops it."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar

from app.ledger import rows
from app.ledger.dynamodb import keys, reading, trail, writing
from app.ledger.dynamodb.draft import Draft
from app.ledger.dynamodb.pages import Rows
from app.ledger.dynamodb.snapshot import Snapshot
from app.ledger.dynamodb.store import Store
from app.ledger.interface import Lease
from app.model import Delivery, Finding
from app.plan.retention import forgettable, is_over

AT_ONCE = 100  # accounts a reading, findings a change

T = TypeVar("T")


def prune(store: Store, before: datetime, lease: Lease) -> dict[str, int]:
    """Returns how many of which went. A change for some findings each: cut short, it is done in part."""
    store.check(lease)
    counts = Counter(deliveries=0, findings=0)
    for ids in _batches(_doomed(store, before)):
        counts.update(store.write(partial(_drop, ids=ids, before=before), lease))
    return {**counts, "runs": store.write(partial(_drop_runs, before=before), lease)}


def cut_trail(store: Store, kept_for: timedelta, lease: Lease) -> int:
    """Cuts off the events that are older than ``kept_for`` at the last run; returns how many.

    What is cut off is marked for DynamoDB to remove, and nothing else ever is: the marks that an earlier cut
    could not set any more are made up for.
    """
    run = store.read(reading.last_run)
    if run is None:
        return 0
    last = store.read(partial(trail.last_before, instant=run.at - kept_for))
    gone = store.write(partial(trail.cut, last=last, at=run.at), lease) if last else 0
    first = store.read(trail.first_kept)
    if first:
        store.expire(keys.EVENTS, first, int((run.at + trail.GRACE).timestamp()))
    return gone


def _doomed(store: Store, before: datetime) -> list[str]:
    """The ids of findings of which something may go."""
    accounts = sorted(store.read(reading.accounts_with_findings))
    looks = [partial(_of_accounts, accounts=some, before=before) for some in _batches(accounts)]
    found = {finding_id for look in looks for finding_id in store.read(look)}
    return sorted(found | set(store.read(reading.strays)))


def _of_accounts(snapshot: Snapshot, accounts: Iterable[str], before: datetime) -> list[str]:
    ids = reading.finding_ids(snapshot, accounts)
    pages = snapshot.pages(map(keys.finding, ids))
    return [one for one in ids if any(_ended(pages.get(keys.finding(one), {}), before))]


def _ended(page: Rows, before: datetime) -> tuple[list[Delivery], Finding | None]:
    """The deliveries that nobody asks for any more; the finding, if it can go once its key is gone."""
    finding, deliveries = reading.finding_in(page), reading.deliveries_in(page)
    over = finding if finding and is_over(finding, deliveries, before) else None
    return list(forgettable(finding, deliveries, before)), over


def _drop(draft: Draft, ids: Sequence[str], before: datetime) -> Counter[str]:
    draft.load([keys.STRAYS, *map(keys.finding, ids), *map(keys.open_of, ids)])
    counts: Counter[str] = Counter()
    for finding_id in ids:
        counts.update(_drop_of(draft, finding_id, before))
    return counts


def _drop_of(draft: Draft, finding_id: str, before: datetime) -> dict[str, int]:
    page = draft.rows(keys.finding(finding_id))
    forgotten, over = _ended(page, before)
    for row in forgotten:
        _forget_delivery(draft, page, row.id)
    gone = over is not None and over.uid not in draft.rows(keys.facts_of(writing.account_of(over.uid)))
    if over and gone:
        _forget(draft, page, over)
    if not page or keys.THE_FINDING in page:
        draft.rows(keys.STRAYS).pop(finding_id, None)
    return {"deliveries": len(forgotten), "findings": int(gone)}


def _forget_delivery(draft: Draft, page: Rows, delivery_id: str) -> None:
    del page[delivery_id]
    draft.rows(keys.open_of(delivery_id)).pop(delivery_id, None)


def _forget(draft: Draft, page: Rows, finding: Finding) -> None:
    """With all that hangs on it. It is resolved, and so on no ticket."""
    del page[keys.THE_FINDING]
    for delivery_id in list(page):
        _forget_delivery(draft, page, delivery_id)
    known = draft.rows(keys.findings_of(finding.account_id))
    known.pop(finding.id, None)
    if not known:
        draft.rows(keys.WITH_FINDINGS).pop(finding.account_id, None)
    draft.rows(keys.SNOOZES).pop(finding.uid, None)
    refusals = draft.rows(keys.REFUSALS)
    for name in [name for name in refusals if name.startswith(f"{finding.uid} ")]:
        del refusals[name]


def _drop_runs(draft: Draft, before: datetime) -> int:
    """All that are old but the last one: the next run asks when that was."""
    pages = [draft.rows(key) for key in draft.partition(keys.RUNS)]
    last = max((int(seq) for page in pages for seq in page), default=0)
    old = [
        (page, seq)
        for page in pages
        for seq, body in page.items()
        if int(seq) != last and rows.RUN.load(body).at < before
    ]
    for page, seq in old:
        del page[seq]
    return len(old)


def _batches(things: Sequence[T]) -> Iterator[Sequence[T]]:
    return (things[start : start + AT_ONCE] for start in range(0, len(things), AT_ONCE))
