"""Who answers for a credential, by the config's `owners` in order, and how we know."""

import re
from collections.abc import Collection, Sequence
from fnmatch import fnmatchcase
from functools import lru_cache

from app.model import Account, Credential, Owner
from app.policy.rules import (
    OwnerByAccountContact,
    OwnerByAccountTag,
    OwnerByFile,
    OwnerByKeyDescription,
    OwnerByMap,
    OwnerByTag,
    OwnerByUserName,
    OwnerFallback,
    OwnerSource,
)

_EMAIL = re.compile(r"[^@\s<>\"]+@[^@\s<>\"]+\.[^@\s<>\"]+")
# Inside a sentence: what follows the address (a comma, a bracket, a full stop) is not part of it.
_EMAIL_IN_TEXT = re.compile(r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")


def is_email(text: str) -> bool:
    return bool(_EMAIL.fullmatch(text))


def fallback_of(sources: Sequence[OwnerSource]) -> str | None:
    """The address that is told when the owner is unknown or can't be reached."""
    return next((s.address for s in sources if isinstance(s, OwnerFallback)), None)


def owners_of(
    sources: Sequence[OwnerSource],
    account: Account,
    credential: Credential,
    refused: Collection[str] = frozenset(),
) -> tuple[Owner, ...]:
    """Everybody whom a source names, in order, each once: the first answers, the rest are asked next.

    ``refused`` (case-folded) are passed over, but for the fallback: somebody always answers. Two spellings
    of an address are one person.
    """
    found: dict[str, Owner] = {}
    for source in sources:
        owner = _ask(source, account, credential)
        if owner and (owner.is_fallback or owner.address.casefold() not in refused):
            found.setdefault(owner.address.casefold(), owner)
    return tuple(found.values())


def _ask(source: OwnerSource, account: Account, credential: Credential) -> Owner | None:
    if isinstance(source, OwnerFallback):
        return Owner(source.address, "fallback", is_fallback=True)
    return _owner(*_of_user(source, account, credential))


def _of_user(source: OwnerSource, account: Account, credential: Credential) -> tuple[str, str]:
    """The address, and how it was found."""
    match source:
        case OwnerByTag():
            return (credential.tags or {}).get(source.key, ""), f"tag {source.key}"
        case OwnerByKeyDescription():
            return _described(credential), "key description"
        case OwnerByUserName():
            fits = fnmatchcase(credential.user, source.match)
            return source.template.replace("{user}", credential.user) if fits else "", "user name"
        case OwnerByMap():
            return source.listing.address(account, credential), source.how
        case OwnerByFile():
            return source.listing.address(account, credential), f"file {source.name}"
        case _:
            return _of_account(source, account)


def _of_account(source: OwnerSource, account: Account) -> tuple[str, str]:
    match source:
        case OwnerByAccountTag():
            return (account.tags or {}).get(source.key, ""), f"account tag {source.key}"
        case OwnerByAccountContact():
            is_root = source.contact == "root"
            found = account.email if is_root else account.contacts.get(source.contact, "")
            return found, f"account contact {source.contact}"
        case _:
            return "", ""


def _described(credential: Credential) -> str:
    """The only address in the key's description: of two, nobody can tell which one answers."""
    text = (credential.tags or {}).get(credential.id or "", "")
    found = set(_EMAIL_IN_TEXT.findall(text))
    return found.pop() if len(found) == 1 else ""


@lru_cache(maxsize=4096)
def _owner(address: str, how: str) -> Owner | None:
    address = address.strip()
    return Owner(address, how) if is_email(address) else None
