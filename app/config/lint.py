"""What no single setting shows: ladders out of order, rules never reached, notices that can't come.

Pure, over rules that are valid one by one, so that these faults are listed beside the others.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from difflib import get_close_matches
from fnmatch import fnmatchcase
from itertools import combinations, islice
from typing import Literal

from app.config.accounts import AccountsSettings
from app.config.durations import format_duration
from app.config.policy import CanarySettings, MatchSettings, RuleSettings, StageSettings, WhenSettings
from app.config.yaml_marks import Path
from app.model import Do

LONGEST_WORD, MOST_WORDS = 64, 100  # of what is compared to find out what was meant
# error: refused; finding: loads, yet check-config exits with 2; warning: worth a thought
Severity = Literal["error", "finding", "warning"]


@dataclass(frozen=True, slots=True)
class Issue:
    path: Path
    message: str
    severity: Severity = "error"


def did_you_mean(word: str, words: Iterable[str]) -> str:
    """``, did you mean "notify"?`` or nothing. Comparing is slow, so very long words and lists are cut."""
    close = get_close_matches(word.lower()[:LONGEST_WORD], list(islice(words, MOST_WORDS)), n=1, cutoff=0.6)
    return f', did you mean "{close[0]}"?' if close else ""


def lint_rules(
    rules: Mapping[int, RuleSettings], sinks: Collection[str], now: datetime | None
) -> Iterator[Issue]:
    """``rules`` by their place in the file: those that can't be read themselves are left out."""
    yield from _names({("rules", at): rule.name for at, rule in rules.items()}, "rule")
    yield from _unreachable(rules)
    for at, rule in rules.items():
        path: Path = ("rules", at)
        yield from _exemption(path, rule, now)
        stages = rule.stages or ()
        yield from _names({(*path, "stages", i): stage.name for i, stage in enumerate(stages)}, "stage")
        yield from _ladder((*path, "stages"), stages)
        for i, stage in enumerate(stages):
            yield from _sinks((*path, "stages", i, "notify"), stage, sinks)
            yield from _conditions((*path, "stages", i, "when"), stage)


def lint_accounts(accounts: AccountsSettings) -> Iterator[Issue]:
    seen: set[str] = set()
    for at, account in enumerate(accounts.static):
        if account.id in seen:
            yield Issue(("accounts", "static", at, "id"), f"account {account.id} is already listed above")
        seen.add(account.id)


def lint_canary(accounts: AccountsSettings, canary: CanarySettings) -> Iterator[Issue]:
    """Misspelt, it would let all others wait for nobody. An organization's accounts aren't known here."""
    if accounts.organization or not accounts.static:
        return
    for pattern in canary.accounts:
        if not any(pattern == a.id or fnmatchcase(a.name, pattern) for a in accounts.static):
            hint = did_you_mean(pattern, [account.name for account in accounts.static])
            yield Issue(
                ("guards", "canary", "accounts"), f'no account is meant by "{pattern}"{hint}', "finding"
            )


def _names(names: Mapping[Path, str], what: str) -> Iterator[Issue]:
    seen: set[str] = set()
    for path, name in names.items():
        if name in seen:
            yield Issue((*path, "name"), f'another {what} above is already named "{name}"')
        seen.add(name)


def _unreachable(rules: Mapping[int, RuleSettings]) -> Iterator[Issue]:
    earlier: dict[str, str] = {}  # match -> the first rule that has it
    everything = MatchSettings().model_dump_json()
    for at, rule in rules.items():
        match = rule.match.model_dump_json()
        never = f'the rule "{rule.name}" is never reached'
        if everything in earlier:
            yield Issue(("rules", at), f'{never}: the rule "{earlier[everything]}" above matches everything')
        elif match in earlier:
            yield Issue(("rules", at), f'{never}: the rule "{earlier[match]}" above has the same match')
        earlier.setdefault(match, rule.name)


def _exemption(path: Path, rule: RuleSettings, now: datetime | None) -> Iterator[Issue]:
    until = rule.exempt.until if rule.exempt else None
    if until and now and until <= now:
        text = f"the exemption lapsed on {until:%Y-%m-%d}: the next rules apply to its credentials"
        yield Issue((*path, "exempt", "until"), text, "finding")


def _sinks(path: Path, stage: StageSettings, sinks: Collection[str]) -> Iterator[Issue]:
    for at, name in enumerate(stage.notify):
        if name not in sinks:
            hint = did_you_mean(name, sinks) or f", sinks has {', '.join(sorted(sinks)) or 'none'}"
            yield Issue((*path, at), f'unknown sink "{name}"{hint}')


def _ladder(path: Path, stages: Sequence[StageSettings]) -> Iterator[Issue]:
    for at, stage in enumerate(stages):
        before = stages[:at]
        if stage.do is Do.DEACTIVATE and any(s.do is Do.DELETE for s in before):
            yield Issue((*path, at), f'"{stage.name}" deactivates, so it must come before the delete stage')
        if stage.do is not None:
            yield from _notices((*path, at), stage, before)
    yield from _order(path, stages)


def _notices(path: Path, stage: StageSettings, before: Sequence[StageSettings]) -> Iterator[Issue]:
    notices = [s for s in before if s.do is None and s.notify]
    if not notices:
        yield Issue(path, f'"{stage.name}" needs a stage before it that only tells (notify without do)')
    elif stage.do is Do.DEACTIVATE and notices[-1].repeat is None and stage.require.notices > 1:
        text = (
            f'"{stage.name}" requires {stage.require.notices} notices, but "{notices[-1].name}" before it '
            "has no repeat: a key first seen past its threshold gets one notice and waits for ever"
        )
        yield Issue(path, text, "warning")


def _order(path: Path, stages: Sequence[StageSettings]) -> Iterator[Issue]:
    """Like is compared with like: the stage that is listed later must not come true earlier."""
    for (_, first), (at, later) in combinations(enumerate(stages), 2):
        for kind in ("age", "unused", "inactive"):
            low: timedelta | None = getattr(first.when, kind)
            high: timedelta | None = getattr(later.when, kind)
            if low is not None and high is not None and high < low:
                text = f'{format_duration(high)} comes after the {format_duration(low)} of "{first.name}"'
                yield Issue((*path, at, "when", kind), f"the ladder is out of order: {text}")


def _conditions(path: Path, stage: StageSettings) -> Iterator[Issue]:
    if _never(stage.when):
        yield Issue(path, "never true: inactive excludes age and unused, which need an Active key")
    elif stage.do is Do.DELETE and not _implies_inactive(stage.when):
        yield Issue(
            path, "delete needs an inactive condition (in every branch): only Inactive keys are deleted"
        )
    elif stage.do is Do.DEACTIVATE and _may_be_inactive(stage.when):
        yield Issue(path, "an inactive key can't be deactivated: use age or unused")


def _implies_inactive(when: WhenSettings) -> bool:
    if when.any is not None:
        return all(map(_implies_inactive, when.any))
    if when.all is not None:
        return any(map(_implies_inactive, when.all))
    return when.inactive is not None


def _may_be_inactive(when: WhenSettings) -> bool:
    return when.inactive is not None or any(map(_may_be_inactive, (*(when.any or ()), *(when.all or ()))))


def _implies_active(when: WhenSettings) -> bool:
    if when.any is not None:
        return all(map(_implies_active, when.any))
    if when.all is not None:
        return any(map(_implies_active, when.all))
    return when.inactive is None


def _never(when: WhenSettings) -> bool:
    if when.any is not None:
        return all(map(_never, when.any))
    if when.all is None:
        return False
    contradicts = any(map(_implies_active, when.all)) and any(map(_implies_inactive, when.all))
    return contradicts or any(map(_never, when.all))
