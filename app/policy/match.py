"""Whether a rule's `match` covers a credential: true, false, or None where that can't be told."""

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase

from app.model import Account, Credential
from app.policy.rules import Match

Answer = bool | None


def covers(match: Match, account: Account, credential: Credential) -> Answer:
    """AND across the fields, OR within one.

    None when a field that decides could not be read (tags, groups): the caller must then
    neither notify nor act, because the answer might be an exemption.
    """
    answers = (
        _named(match.accounts, (account.id,), (account.name, account.alias)),
        _named(match.ous, account.ou_ids, (account.ou_path,)),
        _globs(match.users, (credential.user,)),
        _globs(match.paths, (credential.user_path,)),
        not match.kinds or credential.kind in match.kinds,
        _globs(match.groups, credential.groups),
        _tags(match.account_tags, account.tags),
        _tags(match.tags, credential.tags),
    )
    return _all(answers)


def _all(answers: Iterable[Answer]) -> Answer:
    unsure = False
    for answer in answers:
        if answer is False:
            return False
        unsure = unsure or answer is None
    return None if unsure else True


def _named(patterns: tuple[str, ...], ids: tuple[str, ...], names: tuple[str, ...]) -> Answer:
    """Ids are exact, names are globs."""
    return _globs(patterns, names) or not set(patterns).isdisjoint(ids)


def _globs(patterns: tuple[str, ...], values: tuple[str, ...] | None) -> Answer:
    if not patterns:
        return True
    if values is None:
        return None
    return any(fnmatchcase(value, pattern) for pattern in patterns for value in values if value)


def _tags(wanted: Mapping[str, tuple[str, ...]], tags: Mapping[str, str] | None) -> Answer:
    if not wanted:
        return True
    if tags is None:
        return None
    return all(
        key in tags and any(fnmatchcase(tags[key], glob) for glob in globs) for key, globs in wanted.items()
    )
