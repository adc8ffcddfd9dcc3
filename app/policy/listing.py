"""Lists of owners: by name of user or account, the first line that fits answers."""

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from itertools import chain

from app.model import Account, Credential


@dataclass(frozen=True, slots=True)
class OwnerRow:
    """One line of a file of owners; an empty field covers everything."""

    user: str  # a glob
    account: str  # an id or a name, a glob
    address: str


_Line = tuple[int, OwnerRow]


class Listing:
    """Rows by the plain name that each asks for: a file may name every user of a company, or all accounts."""

    def __init__(self, rows: Iterable[OwnerRow]) -> None:
        self._named: dict[str, list[_Line]] = {}
        self._others: list[_Line] = []
        for line in enumerate(rows):
            name = _plain_name(line[1])
            (self._named.setdefault(name, []) if name else self._others).append(line)

    def address(self, account: Account, credential: Credential) -> str:
        """Empty when no row covers the credential."""
        names = {credential.user, account.id, account.name, account.alias}
        lines = chain(self._others, *(self._named.get(name, ()) for name in names))
        found = (line for line in lines if _covers(line[1], account, credential))
        first = min(found, key=_position, default=None)
        return first[1].address if first else ""


def _position(line: _Line) -> int:
    return line[0]


def _plain_name(row: OwnerRow) -> str:
    """What a credential's user or account must be called for ``row`` to cover it; empty: a glob decides."""
    return next((name for name in (row.user, row.account) if name and not _is_glob(name)), "")


def _covers(row: OwnerRow, account: Account, credential: Credential) -> bool:
    places = (account.id, account.name, account.alias)
    of_user = not row.user or _fits(credential.user, row.user)
    return of_user and (not row.account or any(_fits(place, row.account) for place in places))


def _fits(name: str, glob: str) -> bool:
    """`fnmatch` compiles anew what is beyond 32,768 patterns, so plain names are kept from it."""
    return fnmatchcase(name, glob) if _is_glob(glob) else name == glob


def _is_glob(text: str) -> bool:
    return "*" in text or "?" in text or "[" in text
