"""Who answers for a credential, by the config's `owners` in order."""

import re
from collections.abc import Sequence
from fnmatch import fnmatchcase

from app.model import Credential, Owner
from app.policy.rules import OwnerByMap, OwnerByTag, OwnerByUserName, OwnerFallback, OwnerSource

_EMAIL = re.compile(r"[^@\s<>\"]+@[^@\s<>\"]+\.[^@\s<>\"]+")


def is_email(text: str) -> bool:
    return bool(_EMAIL.fullmatch(text))


def fallback_of(sources: Sequence[OwnerSource]) -> str | None:
    """The address that is told when the owner is unknown or can't be reached."""
    return next((s.address for s in sources if isinstance(s, OwnerFallback)), None)


def owner_of(sources: Sequence[OwnerSource], credential: Credential) -> Owner | None:
    """The first source that names an address; None when nobody answers for it."""
    return next((owner for source in sources if (owner := _ask(source, credential))), None)


def _ask(source: OwnerSource, credential: Credential) -> Owner | None:
    match source:
        case OwnerByTag(key):
            return _owner((credential.tags or {}).get(key, "").strip(), f"tag {key}")
        case OwnerByUserName(template, pattern) if fnmatchcase(credential.user, pattern):
            return _owner(template.replace("{user}", credential.user), "user name")
        case OwnerByMap(users):
            found = next((users[glob] for glob in users if fnmatchcase(credential.user, glob)), "")
            return _owner(found, "map")
        case OwnerFallback(address):
            return Owner(address, "fallback", is_fallback=True)
        case _:
            return None


def _owner(address: str, how: str) -> Owner | None:
    return Owner(address, how) if is_email(address) else None
