"""Which notices must have been delivered before a destructive act, and the day that a notice names.

Counted from the ledger's deliveries of the present episode, never from intentions.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from app.model import Delivery, DeliveryState, Do, Finding, Owner, Reason, Snooze, Verb
from app.policy.rules import Require, Stage
from app.policy.stages import day_text, later, span_text

# A delete needs one notice since the key became inactive, at least this long before: a law, not an option.
BEFORE_DELETE = Require(notices=1, over=timedelta(days=7))
# After a snooze or a suspension somebody is told afresh this long before anything happens.
FRESH_NOTICE = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Told:
    """What people were told in this episode, and who must have been.

    ``since``: earlier notices don't count (a delete counts from when the key became inactive).
    ``fresh_after``: a counted notice younger than this must precede the act by `FRESH_NOTICE`.
    ``accepted``: the present owner and the fallbacks. ``owner``: the present owner alone, if there is one.
    """

    deliveries: Sequence[Delivery] = ()
    accepted: frozenset[str] = field(default_factory=frozenset)
    owner: str = ""
    since: datetime | None = None
    fresh_after: datetime | None = None

    @staticmethod
    def of(
        deliveries: Sequence[Delivery],
        accepted: frozenset[str],
        owner: Owner | None,
        finding: Finding,
        snooze: Snooze | None,
        inactive_since: datetime | None,
        goal: Stage | None,
        disowned_at: datetime | None = None,
    ) -> "Told":
        """What counts towards ``goal`` (the next destructive stage), from the finding's present episode.

        ``disowned_at``: when somebody last said that it isn't theirs: who is asked next is told afresh.
        """
        ends = [finding.fresh_after, snooze.until if snooze else None, disowned_at]
        return Told(
            deliveries=tuple(d for d in deliveries if d.episode == finding.episode),
            accepted=accepted,
            owner=owner.address if owner else "",
            since=inactive_since if goal is not None and goal.do is Do.DELETE else None,
            fresh_after=max((end for end in ends if end), default=None),
        )

    def dated(self) -> tuple[Delivery, ...]:
        """Delivered notices that named a date while `enforce` applied, oldest first."""
        counted = (d for d in self.deliveries if self._is_dated(d))
        return tuple(sorted(counted, key=lambda d: d.settled_at or d.created_at))

    def _is_dated(self, d: Delivery) -> bool:
        delivered = d.state is DeliveryState.DELIVERED and d.verb is Verb.NOTIFY and d.settled_at is not None
        told = d.enforced and d.counts and d.names_date is not None
        return delivered and told and (self.since is None or _settled(d) >= self.since)

    def promised(self) -> datetime | None:
        """The latest date ever named in this episode, even by a message that only may have arrived."""
        told = (d for d in self.deliveries if d.state is DeliveryState.DELIVERED or d.may_have_arrived)
        dates = (d.names_date for d in told if d.enforced and d.names_date)
        relevant = (d for d in dates if d)
        return max(relevant, default=None)


def required(stage: Stage) -> Require:
    return BEFORE_DELETE if stage.do is Do.DELETE else stage.require


def missing(stage: Stage, told: Told, now: datetime) -> Reason | None:
    """Why ``stage``'s act may not happen yet; None when every required notice was delivered."""
    require = required(stage)
    promised = told.promised()
    if promised and promised > now:
        return Reason("promised", f"the date that was named is {day(promised)}")
    counted = [d for d in told.dated() if d.names_date and d.names_date <= now]
    spaced = _spaced((_settled(d) for d in counted), require)
    if len(spaced) < require.notices:
        return Reason("notices", f"{len(spaced)} of {require.notices} required notices delivered")
    if spaced[0] > now - require.over:
        return Reason("notices", f"the first notice must be {span_text(require.over)} old: {day(spaced[0])}")
    if not _reached_present_owner(counted, told):
        return Reason("owner_changed", "the present owner has not been told yet")
    first = _first_to_new_owner(counted, told)
    if first and first > now - FRESH_NOTICE:
        return Reason("owner_changed", f"the present owner has only been told on {day(first)}")
    return _stale(counted, told.fresh_after, now)


def met_by(stage: Stage, told: Told, now: datetime) -> tuple[Delivery, ...]:
    """Of the notices that count, those that show why `missing` finds nothing missing: the first that are far
    enough apart, the latest of each sink, and the first one since somebody had to be told afresh."""
    counted = [d for d in told.dated() if d.names_date and d.names_date <= now]
    first = set(_spaced(map(_settled, counted), required(stage))[: required(stage).notices])
    latest = {d.sink: d for d in counted}
    shown = {d.id for d in latest.values()} | {d.id for d in counted if _settled(d) in first}
    since = told.fresh_after
    fresh = next((d.id for d in counted if since and _settled(d) >= since), None)
    return tuple(d for d in counted if d.id in shown or d.id == fresh)


def _reached_present_owner(counted: Sequence[Delivery], told: Told) -> bool:
    """Whether on some sink the latest counted notice went to the present owner, or to a fallback for them.

    A fallback that was told in a former owner's place is as good only while nobody else was told since.
    """
    latest = {d.sink: d for d in counted}
    if any(_reached_for(d, told) for d in latest.values()):
        return True
    return counted[-1].route == "fallback" or counted[-1].recipient in told.accepted


def _first_to_new_owner(dated: Sequence[Delivery], told: Told) -> datetime | None:
    """When the present owner was first told, where others were told before: the date was theirs."""
    if not dated or _reached_for(dated[0], told):
        return None
    return next((_settled(d) for d in dated if _reached_for(d, told)), None)


def _reached_for(d: Delivery, told: Told) -> bool:
    to_fallback = d.route == "fallback" or d.recipient in told.accepted
    return d.recipient == told.owner or (to_fallback and d.payload.get("owner") == told.owner)


def _stale(counted: Sequence[Delivery], fresh_after: datetime | None, now: datetime) -> Reason | None:
    if fresh_after is None:
        return None
    fresh = [d for d in counted if fresh_after <= _settled(d) <= now - FRESH_NOTICE]
    return (
        None
        if fresh
        else Reason("fresh_notice", f"a new notice is due, 24 h before any act, since {day(fresh_after)}")
    )


def earliest(stage: Stage, due: datetime | None, told: Told, now: datetime) -> datetime | None:
    """The first instant at which ``stage``'s act can happen if a notice is delivered at ``now``.

    This is the date that the notice names. None when the stage's own date can't be told.
    Within an episode it never moves before a date once named.
    """
    if due is None:
        return None
    require = required(stage)
    spaced = _spaced([*(_settled(d) for d in told.dated()), now], require)
    more = max(0, require.notices - len(spaced))
    dates = [due, later(spaced[0], require.over), later(spaced[-1], more * _gap(require)), told.promised()]
    dates += [_fresh_from(told, now), _owner_from(told, now)]
    return max(date for date in dates if date)


def _fresh_from(told: Told, now: datetime) -> datetime | None:
    """24 h after the first notice since `fresh_after`: later repeats don't push the date away."""
    if told.fresh_after is None:
        return None
    since = [_settled(d) for d in told.dated() if _settled(d) >= told.fresh_after]
    return later(min([*since, now]), FRESH_NOTICE)


def _owner_from(told: Told, now: datetime) -> datetime | None:
    """24 h after the present owner hears of it for the first time: nobody is told of a past date."""
    dated = told.dated()
    if dated and not _reached_present_owner(dated, told):
        return later(now, FRESH_NOTICE)
    first = _first_to_new_owner(dated, told)
    return later(first, FRESH_NOTICE) if first else None


def _spaced(times: Iterable[datetime], require: Require) -> list[datetime]:
    """The times that count: each at least `over / notices` after the one counted before it."""
    counted: list[datetime] = []
    for time in sorted(times):
        if not counted or time >= later(counted[-1], _gap(require)):
            counted.append(time)
    return counted


def _gap(require: Require) -> timedelta:
    return require.over / require.notices


def _settled(d: Delivery) -> datetime:
    assert d.settled_at  # noqa: S101 - a delivered row has its time; `dated` lets no other through
    return d.settled_at


def day(instant: datetime) -> str:
    return f"{day_text(instant)} {instant:%H:%M} UTC"
