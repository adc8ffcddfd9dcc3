"""The decision on one credential: a pure function of the policy, the credential and one `now`."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from app.model import ACTIVE, INACTIVE, Account, Credential, LastUsed, Mode, Owner, Reason
from app.policy.match import covers
from app.policy.owner import owners_of
from app.policy.rules import Policy, Rule, Stage
from app.policy.stages import asks_for_use, condition_text, current_stage, day_text


@dataclass(frozen=True, slots=True)
class Decision:
    """What the policy says of one credential now.

    ``state`` is the stage's name, or ``ok``, ``exempt``, ``inactive``, ``unknown``. ``rule`` is the ladder or
    exemption that matched; ``next_rule`` the ladder that waits behind an exemption.
    """

    state: str
    reason: Reason
    mode: Mode
    rule: Rule | None = None
    stage: Stage | None = None
    due_at: datetime | None = None  # since when `stage` has been due
    owners: tuple[Owner, ...] = ()  # the first answers for it, the rest are asked when he can't
    next_rule: Rule | None = None

    @property
    def owner(self) -> Owner | None:
        return self.owners[0] if self.owners else None

    @property
    def exempt(self) -> bool:
        return self.state == "exempt"


def evaluate(
    policy: Policy,
    account: Account,
    credential: Credential,
    inactive_since: datetime | None,
    now: datetime,
    refused: Collection[str] = frozenset(),
) -> Decision:
    """The first matching rule wins; a lapsed exemption matches nothing. ``refused`` don't own it."""
    rule, unsure = _match(policy.rules, account, credential, now)
    mode = Mode.lowest(policy.mode, account.mode, rule.mode if rule else None)
    owners = owners_of(policy.owners, account, credential, refused)
    if unsure:
        why = credential.unreadable or "its tags, groups or account tags could not be read"
        text = f"Can't tell whether rule {unsure.name!r} applies: {why}"
        return Decision("unknown", Reason("unreadable", text), mode, owners=owners)
    if credential.unreadable:
        text = f"Nothing is done while this can't be read: {credential.unreadable}"
        return Decision("unknown", Reason("unreadable", text), mode, rule, owners=owners)
    if rule is None:
        return Decision(_resting(credential), Reason("no_rule", "No rule matches"), mode, owners=owners)
    if rule.exemption:
        return _exempted(policy, account, credential, rule, mode, owners, now)
    return _climb(rule, credential, inactive_since, mode, owners, now)


def _match(
    rules: tuple[Rule, ...], account: Account, credential: Credential, now: datetime
) -> tuple[Rule | None, Rule | None]:
    """The rule that matches; else, second, the one of which it can't be told whether it does."""
    for rule in rules:
        if rule.exemption and lapsed(rule, now):
            continue
        answer = covers(rule.match, account, credential)
        if answer is None:
            return None, rule
        if answer:
            return rule, None
    return None, None


def lapsed(rule: Rule, now: datetime) -> bool:
    """Whether ``rule`` is an exemption past its end."""
    return bool(rule.exemption and rule.exemption.until and rule.exemption.until <= now)


def _resting(credential: Credential) -> str:
    return "inactive" if credential.status == INACTIVE else "ok"


def _exempted(
    policy: Policy,
    account: Account,
    credential: Credential,
    rule: Rule,
    mode: Mode,
    owners: tuple[Owner, ...],
    now: datetime,
) -> Decision:
    assert rule.exemption  # noqa: S101 - narrows the type for the lines below
    until = f" until {day_text(rule.exemption.until)}" if rule.exemption.until else ""
    by = f", approved by {rule.exemption.approved_by}" if rule.exemption.approved_by else ""
    ladders = tuple(other for other in policy.rules if not other.exemption)
    behind, _ = _match(ladders, account, credential, now)
    reason = Reason("exempt", f"Rule {rule.name!r} exempts it{until}: {rule.exemption.reason}{by}")
    return Decision("exempt", reason, mode, rule, owners=owners, next_rule=behind)


def _climb(
    rule: Rule,
    credential: Credential,
    inactive_since: datetime | None,
    mode: Mode,
    owners: tuple[Owner, ...],
    now: datetime,
) -> Decision:
    stage, due = current_stage(rule, credential, inactive_since, now)
    if stage is None:
        return _no_stage(rule, credential, mode, owners, now)
    rung = f"Rule {rule.name!r}, stage {stage.name!r} ({condition_text(stage.when)})"
    text = f"{rung}: {describe(credential, now)}"
    return Decision(stage.name, Reason("stage", text), mode, rule, stage, due, owners)


def _no_stage(
    rule: Rule, credential: Credential, mode: Mode, owners: tuple[Owner, ...], now: datetime
) -> Decision:
    blind = credential.status == ACTIVE and credential.last_used.state == "unknown" and credential.live
    if blind and asks_for_use(rule) and _due_if_idle(rule, credential, now):
        text = f"Its last use could not be read: {credential.last_used.why_unknown}"
        return Decision("unknown", Reason("last_use_unknown", text), mode, rule, owners=owners)
    text = f"Rule {rule.name!r}: no stage is due: {describe(credential, now)}"
    return Decision(_resting(credential), Reason("not_due", text), mode, rule, owners=owners)


def _due_if_idle(rule: Rule, credential: Credential, now: datetime) -> bool:
    """Whether some stage would be due had the key never been used: then not knowing matters."""
    idle = replace(credential, last_used=LastUsed.never())
    stage, _ = current_stage(rule, idle, None, now)
    return stage is not None


def describe(credential: Credential, now: datetime) -> str:
    """Age, last use and status in one clause."""
    age = f"created {(now - credential.created).days} days ago"
    if credential.status != ACTIVE:
        return f"{age}, {credential.status}"
    return f"{age}, {use_clause(credential.last_used, now)}"


def use_clause(last_used: LastUsed, now: datetime) -> str:
    """``last used 2 h ago by s3``, ``never used``, ``last use unknown (why)``."""
    if last_used.state == "never":
        return "never used"
    text = last_used_text(last_used, now)
    return f"last use {text}" if last_used.state == "unknown" else f"last used {text}"


def last_used_text(last_used: LastUsed, now: datetime) -> str:
    """``2 h ago by s3 in eu-central-1``, ``never``, or ``unknown (why)``."""
    if last_used.state == "never":
        return "never"
    if last_used.state == "unknown" or last_used.at is None:
        return f"unknown ({last_used.why_unknown})"
    by = f" by {last_used.service}" if last_used.service else ""
    where = f" in {last_used.region}" if last_used.region else ""
    return f"{ago(now - last_used.at)}{by}{where}"


def ago(span: timedelta) -> str:
    """``just now``, ``25 min ago``, ``2 h ago``, ``41 days ago``."""
    minutes = int(span.total_seconds() // 60)
    if minutes < 1:
        return "just now"
    if minutes < 60:
        return f"{minutes} min ago"
    if minutes < 48 * 60:
        return f"{minutes // 60} h ago"
    return f"{span.days} days ago"
