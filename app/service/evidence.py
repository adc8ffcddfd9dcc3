"""Who uses a key, looked up just before its owner is told: only for warnings that leave in this run."""

import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from itertools import chain

from app.errors import KeystewardError
from app.inventory.interface import CallerHistory
from app.model import Caller, Delivery, redact
from app.plan.actions import Judged, Plan
from app.plan.notice import Notice
from app.policy.advice import advice
from app.service.parts import Parts
from app.telemetry import log_fields

log = logging.getLogger(__name__)

# CloudTrail answers twice a second and account: notices don't wait longer for it than this, and the
# keys that it was not asked about are told without.
PATIENCE = timedelta(minutes=2)
ACCOUNTS_AT_ONCE = 8


def with_evidence(parts: Parts, plan: Plan) -> Plan:
    """``plan`` with callers, and advice by them, in the warnings that it sends."""
    if parts.callers is None:
        return plan
    used = _look_up(parts, parts.callers, _asked(plan))
    rows = tuple(_told(row, used) for row in plan.change.deliveries)
    return replace(plan, change=replace(plan.change, deliveries=rows))


def _asked(plan: Plan) -> list[list[Judged]]:
    """The credentials that somebody is warned of in this run, by account."""
    leaving = set(plan.send)
    warned = {
        row.finding_id
        for row in plan.change.deliveries
        if row.id in leaving and row.payload.get("kind") == "warning"
    }
    by_account: dict[str, list[Judged]] = {}
    for judged in plan.judged:
        if judged.finding and judged.finding.id in warned and judged.credential.last_used.state != "never":
            by_account.setdefault(judged.account.id, []).append(judged)
    return list(by_account.values())


def _look_up(
    parts: Parts, history: CallerHistory, asked: Sequence[Sequence[Judged]]
) -> Mapping[str, tuple[Judged, tuple[Caller, ...]]]:
    """Finding -> its credential and who uses it."""
    until = parts.monotonic() + PATIENCE.total_seconds()
    with ThreadPoolExecutor(ACCOUNTS_AT_ONCE) as pool:
        answers = pool.map(lambda mine: _of_account(parts, history, mine, until), asked)
        return dict(chain.from_iterable(answers))


def _of_account(
    parts: Parts, history: CallerHistory, asked: Sequence[Judged], until: float
) -> list[tuple[str, tuple[Judged, tuple[Caller, ...]]]]:
    """One account's keys in turn, until it refuses or the time is up: an account's failure is its own."""
    found = []
    for judged in asked:
        if parts.stop.is_set() or parts.monotonic() >= until:
            break
        credential, used = judged.credential, judged.credential.last_used
        regions = [used.region] if used.region else []
        try:
            callers = history.callers(judged.account, credential.id or "", regions, parts.clock.now())
        except KeystewardError as error:
            text = redact(str(error))
            log.warning("callers unknown", **log_fields(account=judged.account.id, error=text))
            break
        assert judged.finding  # noqa: S101 - `_asked` takes only those on a ladder
        found.append((judged.finding.id, (judged, callers)))
    return found


def _told(row: Delivery, used: Mapping[str, tuple[Judged, tuple[Caller, ...]]]) -> Delivery:
    if row.finding_id not in used or row.payload.get("kind") != "warning":
        return row
    judged, callers = used[row.finding_id]
    credential = judged.credential
    text = advice(credential.user, credential.last_used, callers, credential.tags)
    notice = replace(Notice.from_json(row.payload), callers=callers, advice=text)
    return replace(row, payload=notice.to_json())
