"""The laws about acts and conclusions, as an outsider can check them."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta

from tests.chaos import company
from tests.chaos.clock import START, TERM, real
from tests.chaos.record import Command, Outage, Record
from tests.chaos.witness import Seen, Told

ABOUT = timedelta(minutes=10)  # between the service's note of an instant and ours
LAST_WARNING = timedelta(hours=24)
BEFORE_DELETE = timedelta(days=7)
SNOOZE = timedelta(days=7)  # of each snooze and restore
JUST_BEFORE = real(3 * TERM)  # a minute and a half: reading, stopped or not, and acting
PAUSE_HOLDS = 1.0  # second, of this machine's
DEACTIVATES, DELETES, ACTIVATES = "UpdateAccessKey Inactive", "DeleteAccessKey", "UpdateAccessKey Active"
UNREADABLE = ("denied", "broken", "cut", "garbage", "expired")  # outages of which nothing can be read


def acts(record: Record) -> Iterator[Seen]:
    """On the keys that the company began with."""
    found = (seen for seen in record.seen if seen.what in (DEACTIVATES, DELETES))
    return (seen for seen in found if seen.subject.partition(" ")[2] in company.BY_KEY)


def of_whom(seen: Seen) -> str:
    return seen.subject.partition(" ")[0]


# --- I1 ---


def unannounced(record: Record, counts: Counter[str]) -> Iterator[str]:
    for act in acts(record):
        why = _not_due(record, act)
        if why:
            yield f"{of_whom(act)}: {act.what} on {act.at:%d %b %H:%M}: {why}"


def _not_due(record: Record, act: Seen) -> str:
    told = [(seen.at, it) for seen, it in _counted(record, act)]
    named = [at for at, it in told if it.names and it.names <= act.at + ABOUT]
    if act.what == DELETES:
        since = _inactive_since(record, act)
        enough = since and any(since - ABOUT <= at <= act.at - BEFORE_DELETE + ABOUT for at in named)
        return "" if enough else "nobody was told a week before"
    return _lacking(named, act.at) or _stale(record, named, act)


def _lacking(named: list[datetime], at: datetime) -> str:
    spaced: list[datetime] = []
    for instant in named:
        if not spaced or instant >= spaced[-1] + company.GAP - ABOUT:
            spaced.append(instant)
    if len(spaced) < 2:
        return f"{len(spaced)} notices that count"
    return "" if spaced[0] <= at - company.OVER + ABOUT else "the first notice was not a week old"


def _stale(record: Record, named: list[datetime], act: Seen) -> str:
    ended = [end for end in _snoozes_end(record, of_whom(act)) if end <= act.at]
    since = max(ended, default=None)
    fresh = since is None or any(since - ABOUT <= at <= act.at - LAST_WARNING + ABOUT for at in named)
    return "" if fresh else "nobody was told afresh after its snooze"


def _counted(record: Record, act: Seen) -> Iterator[tuple[Seen, Told]]:
    """Notices of the present episode that named a day, to somebody who answers for it, under a true clock."""
    person = company.PEOPLE[of_whom(act)]
    rows = [(seen, it) for seen in record.seen for it in seen.told if it.finding == person.finding]
    mine = [(seen, it) for seen, it in rows if seen.real < act.real]
    episode = max((it.episode for _, it in mine), default=0)
    unassigned = person.tags["owner"].startswith("gone")
    for seen, it in mine:
        is_true = not any(span.covers(seen.place, seen.real) for span in record.wrong_clocks)
        reached = seen.channel == "slack" or not unassigned
        if it.episode == episode and it.names and reached and is_true and _since_active(record, act, seen):
            yield seen, it


def _since_active(record: Record, act: Seen, notice: Seen) -> bool:
    """In the present spell: no restore in between."""
    between = (s for s in record.seen if s.what == ACTIVATES and s.subject == act.subject)
    return not any(notice.real < it.real < act.real for it in between)


def _inactive_since(record: Record, act: Seen) -> datetime | None:
    before = [s for s in record.seen if s.subject == act.subject and s.real < act.real]
    return max((s.at for s in before if s.what == DEACTIVATES), default=None)


# --- I2, I3, and acts of I5 ---


def unread(record: Record, counts: Counter[str]) -> Iterator[str]:
    for act in acts(record):
        lacking = _needed(act) - {f"{seen.what} {seen.subject}" for seen in _reads_before(record, act)}
        if lacking:
            names = sorted(name.split()[0] for name in lacking)
            yield f"{of_whom(act)}: {act.what} without {', '.join(names)}"


def _needed(act: Seen) -> set[str]:
    user, _, key = act.subject.partition(" ")
    of_user = ("GetUser", "ListAccessKeys", "ListUserTags", "ListGroupsForUser")
    return {*(f"{name} {user}" for name in of_user), f"GetAccessKeyLastUsed {key}"}


def _reads_before(record: Record, act: Seen) -> list[Seen]:
    """Since its act before this one, by when they arrived: what is slow takes effect after others."""
    mine = [s for s in record.seen if s.who == act.who and s.channel == "aws" and s.arrived < act.arrived]
    last = max((s.arrived for s in mine if s.is_write), default=0.0)
    return [s for s in mine if s.arrived > max(last, act.arrived - JUST_BEFORE)]


def too_early_deleted(record: Record, counts: Counter[str]) -> Iterator[str]:
    for act in acts(record):
        if act.what != DELETES:
            continue
        since = _inactive_since(record, act)
        if act.before != "Inactive":
            yield f"{of_whom(act)}: deleted while {act.before or 'gone'}"
        elif since is None or act.at - since < company.QUIET - ABOUT:
            yield f"{of_whom(act)}: deleted before its quiet period was over"


def done_twice(record: Record, counts: Counter[str]) -> Iterator[str]:
    for act in acts(record):
        if act.before != ("Active" if act.what == DEACTIVATES else "Inactive"):
            yield f"{of_whom(act)}: {act.what}, and it was {act.before or 'gone'} already"


# --- I4 ---


def concluded_from_failure(record: Record, counts: Counter[str]) -> Iterator[str]:
    yield from _resolved_too_soon(record)
    for outage in record.outages:
        if outage.alone and outage.kind in UNREADABLE:
            yield from _opened(record, outage)
            if not outage.partial and not record.wrong_clocks:
                yield f"a run over an account that was {outage.kind} called itself whole"


def _resolved_too_soon(record: Record) -> Iterator[str]:
    """A ticket is closed, or its end told, only when the key is gone or exempt."""
    for seen in record.seen:
        closed = [record.tickets.get(seen.subject, "")] if seen.what == "transition Done" else []
        over = (company.BY_FINDING.get(it.finding) for it in seen.told if it.kind == "resolved")
        told = [person.name for person in over if person]
        for name in filter(None, (*closed, *told)):
            if not _is_over(record, name, seen.real):
                yield f"{name}: resolved while the key was there ({seen.channel} {seen.what})"


def _is_over(record: Record, name: str, instant: float) -> bool:
    ends = [record.exempted.get(name), record.rotated.get(name)]
    ends += [s.real for s in acts(record) if s.what == DELETES and of_whom(s) == name]
    return any(end is not None and end <= instant for end in ends)


def _opened(record: Record, outage: Outage) -> Iterator[str]:
    """Who came onto the ladder while nobody could read it is not told of."""
    for seen in record.seen:
        if not outage.covers(seen.arrived):
            continue
        for it in seen.told:
            person = company.BY_FINDING.get(it.finding, company.NEWCOMER)
            due = START + timedelta(days=80 - person.age)
            news = outage.before is None or due > outage.before
            if person.account == company.DARK and it.kind == "warning" and news:
                yield f"{person.name}: told in {seen.channel} while the account was {outage.kind}"


# --- I6 ---


def untouchable(record: Record, counts: Counter[str]) -> Iterator[str]:
    for act in acts(record):
        name = of_whom(act)
        exempt = record.exempted.get(name)
        tags = [s.arrived for s in _reads_before(record, act) if s.what == "ListUserTags"]
        if name in company.NEVER_ACTED_ON:
            yield f"{name}: {act.what}"
        elif exempt is not None and tags and exempt < max(tags):
            yield f"{name}: {act.what} while exempt"


def against_a_persons_word(record: Record, counts: Counter[str]) -> Iterator[str]:
    for act in acts(record):
        looked = min((s.arrived for s in _reads_before(record, act)), default=act.arrived)
        if any(c.until < looked and act.at < c.at + SNOOZE - ABOUT for c in _put_off(record, of_whom(act))):
            yield f"{of_whom(act)}: {act.what} while snoozed"
    for since, until in _pauses(record):
        for seen in record.seen:
            if seen.is_write and since + PAUSE_HOLDS < seen.arrived < until and not _held_up(record, seen):
                yield f"{seen.channel} {seen.what} by {seen.who} while paused"


def _held_up(record: Record, seen: Seen) -> bool:
    """It was stopped between its last look and the request."""
    mine = (h for h in record.harms if h.what == "stop" and h.befell(seen.place, seen.life))
    return any(h.at <= seen.arrived <= h.until + PAUSE_HOLDS for h in mine)


def _put_off(record: Record, name: str) -> Iterator[Command]:
    known = (c for c in record.commands if c.verb in ("snooze", "restore") and c.outcome == "done")
    return (command for command in known if command.name == name)


def _snoozes_end(record: Record, name: str) -> list[datetime]:
    return [command.at + SNOOZE for command in _put_off(record, name)]


def _pauses(record: Record) -> Iterator[tuple[float, float]]:
    """From when a pause was told to be in force until somebody began to end it."""
    for command in record.commands:
        if command.verb == "pause" and command.outcome == "done":
            ends = (c.since for c in record.commands if c.verb == "resume" and c.since > command.until)
            yield command.until, min(ends, default=float("inf"))


# --- nothing is lost ---


def untold(record: Record, counts: Counter[str]) -> Iterator[str]:
    """Each act is told in both sinks, unless somebody took it back meanwhile."""
    for act in acts(record):
        stage = "delete" if act.what == DELETES else "deactivate"
        after = [s for s in record.seen if s.real > act.real]
        if any(s.what == ACTIVATES and s.subject == act.subject for s in after):
            continue
        finding = company.PEOPLE[of_whom(act)].finding
        for channel in ("slack", "jira"):
            told = (it for s in after if s.channel == channel for it in s.told)
            if not any((it.finding, it.stage, it.kind) == (finding, stage, "done") for it in told):
                yield f"{of_whom(act)}: its {stage} was never told in {channel}"
