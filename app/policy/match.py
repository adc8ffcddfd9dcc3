"""Whether a rule's `match` covers a credential: true, false, or None where that can't be told."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import translate
from functools import cached_property

from app.model import Account, Credential, Kind

_NOTHING = "(?!)"  # a regular expression that matches no text

Answer = bool | None
Test = Callable[[Account, Credential], Answer]


@dataclass(frozen=True)
class Match:
    """AND across fields, OR within a list. Ids are exact, the rest are case-sensitive globs.

    An empty field matches everything. ``accounts`` match an id, a name or an alias; ``ous`` an OU id
    or a path of OU names; tags match on key (exact) and value (glob).
    """

    accounts: tuple[str, ...] = ()
    account_tags: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    ous: tuple[str, ...] = ()
    users: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    tags: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    kinds: tuple[Kind, ...] = ()

    @cached_property
    def tests(self) -> tuple[Test, ...]:
        """One a field that is given. Made once, because each rule is asked of a million keys."""
        return (*_of_account(self), *_of_credential(self))


def covers(match: Match, account: Account, credential: Credential) -> Answer:
    """AND across the fields, OR within one.

    None when a field that decides could not be read (tags, groups): the caller must then
    neither notify nor act, because the answer might be an exemption.
    """
    unsure = False
    for test in match.tests:
        answer = test(account, credential)
        if answer is False:
            return False
        unsure = unsure or answer is None
    return None if unsure else True


def _of_account(match: Match) -> Iterator[Test]:
    if match.accounts:
        yield _account(match.accounts)
    if match.ous:
        yield _unit(match.ous)
    if match.account_tags:
        of_account = _tags(match.account_tags)
        yield lambda account, _: of_account(account.tags)


def _of_credential(match: Match) -> Iterator[Test]:
    if match.kinds:
        yield lambda _, credential: credential.kind in match.kinds
    if match.users:
        named = _name(match.users)
        yield lambda _, credential: named(credential.user)
    if match.paths:
        placed = _name(match.paths)
        yield lambda _, credential: placed(credential.user_path)
    if match.groups:
        yield _group(match.groups)
    if match.tags:
        tagged = _tags(match.tags)
        yield lambda _, credential: tagged(credential.tags)


def _account(patterns: tuple[str, ...]) -> Test:
    ids, named = frozenset(patterns), _name(patterns)
    return lambda account, _: account.id in ids or named(account.name) or named(account.alias)


def _unit(patterns: tuple[str, ...]) -> Test:
    ids, named = frozenset(patterns), _name(patterns)
    return lambda account, _: named(account.ou_path) or not ids.isdisjoint(account.ou_ids)


def _group(patterns: tuple[str, ...]) -> Test:
    named = _name(patterns)
    return lambda _, credential: None if credential.groups is None else any(map(named, credential.groups))


def _tags(wanted: Mapping[str, tuple[str, ...]]) -> Callable[[Mapping[str, str] | None], Answer]:
    globs = {key: _glob(patterns) for key, patterns in wanted.items()}

    def fit(tags: Mapping[str, str] | None) -> Answer:
        if tags is None:
            return None
        return all(key in tags and fits(tags[key]) for key, fits in globs.items())

    return fit


def _name(patterns: tuple[str, ...]) -> Callable[[str], bool]:
    """As `_glob`, but what has no name fits nothing."""
    fits = _glob(patterns)
    return lambda name: bool(name and fits(name))


def _glob(patterns: tuple[str, ...]) -> Callable[[str], re.Match[str] | None]:
    """Whether a text fits one of ``patterns``: all of them in one regular expression."""
    return re.compile("|".join(map(translate, patterns)) or _NOTHING).match
