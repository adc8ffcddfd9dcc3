"""A scan that reads live only whom it must, as `app/inventory/iam.py` does it, over keys in memory."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from app.inventory.interface import AccountMemory, Need, Scanned
from app.inventory.look import answer
from app.inventory.report import Row, RowKey
from app.inventory.users import remember
from app.model import ACTIVE, Account, Credential, Inventory, RememberedUser

TRAITS_KEPT = timedelta(hours=24)

Users = Mapping[str, Sequence[Credential]]  # by name, as a live read would show them now


@dataclass
class Reports:
    """AWS's credential reports. While ``old`` is set, they go on showing what they last showed."""

    old: bool = False
    _rows: dict[str, dict[str, Row]] = field(default_factory=dict)  # by account and user
    _rotated: dict[str, tuple[str, datetime]] = field(default_factory=dict)  # key -> status, and since when

    def of(self, account: Account, users: Users, now: datetime) -> Mapping[str, Row]:
        if not self.old or account.id not in self._rows:
            self._rows[account.id] = {user: self._row(user, keys, now) for user, keys in users.items()}
        return self._rows[account.id]

    def _row(self, user: str, keys: Sequence[Credential], now: datetime) -> Row:
        path = keys[0].user_path if keys else "/"
        return Row(user, path, tuple(self._line(key, now) for key in keys))

    def _line(self, key: Credential, now: datetime) -> RowKey:
        status, since = self._rotated.get(key.uid, (ACTIVE, key.created))
        if status != key.status:
            since = now
        self._rotated[key.uid] = (key.status, since)
        return RowKey(key.status == ACTIVE, since.replace(microsecond=0), key.last_used)


@dataclass
class RememberingScan:
    """One account, scanned once."""

    account: Account
    users: Users
    rows: Mapping[str, Row]
    need: Need
    memory: AccountMemory
    now: datetime
    learnt: dict[str, RememberedUser] = field(default_factory=dict)

    def scan(self) -> Scanned:
        due = self.memory.traits_at is None or self.now - self.memory.traits_at >= TRAITS_KEPT
        known = self._renewed() if due else self.memory
        answers = {
            user: answer(self.account.id, row, known, self.need, self.now) for user, row in self.rows.items()
        }
        gone = {*self.memory.open_users, *self.memory.judged_users} - answers.keys()
        live = self._read({user for user, keys in answers.items() if keys is None} | gone)
        inventory = self._inventory(answers, live)
        live |= self._read(set(self.memory.stirs(inventory)) - live.keys())
        return Scanned(self._inventory(answers, live), tuple(self.learnt.values()), self.now if due else None)

    def _renewed(self) -> AccountMemory:
        """With the tags and groups of today, of whom they were known."""
        users = dict(self.memory.users)
        for user, known in self.memory.users.items():
            if known.tags is not None:
                now = next(iter(self.users.get(user, ())), None)
                tags, groups = (now.tags, now.groups) if now else (None, None)
                whole = tags is not None and groups is not None
                users[user] = replace(known, tags=tags, groups=groups) if whole else _forgotten(known)
                self.learnt[user] = users[user]
        return replace(self.memory, users=users)

    def _read(self, users: Iterable[str]) -> dict[str, list[Credential]]:
        found = {user: list(self.users.get(user, ())) for user in users}
        for user, keys in found.items():
            self.learnt[user] = remember(self.account.id, user, keys, self.now)
        return found

    def _inventory(
        self, answers: Mapping[str, list[Credential] | None], live: Mapping[str, list[Credential]]
    ) -> Inventory:
        far = [key for user, keys in answers.items() if user not in live for key in keys or ()]
        near = [key for keys in live.values() for key in keys]
        return Inventory(self.account, self.now, (*near, *far), frozenset(live))


def _forgotten(known: RememberedUser) -> RememberedUser:
    return replace(known, tags=None, groups=None)


def by_user(keys: Iterable[Credential]) -> Users:
    found: dict[str, list[Credential]] = {}
    for key in keys:
        found.setdefault(key.user, []).append(key)
    return found
