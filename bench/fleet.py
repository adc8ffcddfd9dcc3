"""An AWS organization out of a seed: any account's users can be made at any time, so none has to be kept.

Ages are whole days and two to ten hours more: for half a day after the fleet's `now` no key crosses a
threshold.
"""

import random
from base64 import b32decode, b32encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

DAY, HOUR = 86_400, 3_600
OLDEST, RIPE, OLD, NEAR = 900, 92, 75, 45  # days
FIRST_ACCOUNT = 100_000_000_000
SERVICES = (("s3", "eu-central-1"), ("ec2", "us-east-1"), ("ses", "eu-west-1"), ("sts", "us-east-1"))
GROUPS: tuple[tuple[str, ...], ...] = (("developers",), ("deployers", "developers"), ("machines",), ())

# What a user has, by the first of these that a draw from 0 to 1 falls below. 83 of 100 have an Active key of
# at least 75 days, and there are 1.4 keys a user.
NO_KEY, ONLY_YOUNG, ONLY_MIDDLE, ONLY_INACTIVE = 0.06, 0.15, 0.16, 0.17
SECOND_KEY, SECOND_INACTIVE, NEVER_USED, TOGGLED = 0.53, 0.2, 0.15, 0.04
JUST_OLD = 0.15  # of the old ones: on the first rungs rather than past all

# A key's id is its place times this, in 80 bits: it leads back to its user, and a user's two end differently.
_MIX = 0x9E37_79B9_7F4A_7C15_F39D
_UNMIX = pow(_MIX, -1, 1 << 80)
_FIRST_PLACE = 0x1F83_D9AB_FB41_BD6B

Draw = Callable[[], float]  # a number from 0 up to 1


class Key(NamedTuple):
    """Times are seconds since 1970. ``rotated`` is what the credential report calls last_rotated: creation,
    or the last change of status."""

    id: str
    active: bool
    created: int
    rotated: int
    used: int | None
    service: str
    region: str


class User(NamedTuple):
    name: str
    path: str
    created: int
    keys: tuple[Key, ...]
    tags: tuple[tuple[str, str], ...]
    groups: tuple[str, ...]


@dataclass(frozen=True)
class Fleet:
    """``accounts`` with ``users`` each, always the same for a ``seed`` and a ``now`` (seconds since 1970)."""

    accounts: int
    users: int
    now: int
    seed: int = 1

    def ids(self) -> Iterator[str]:
        return map(account_id, range(self.accounts))

    def users_of(self, account: int) -> tuple[User, ...]:
        """The users of the account with this number; those of the last few hundred accounts are kept."""
        return _users_of(self, account)

    def user(self, account: int, name: str) -> User | None:
        number = name.removeprefix("user-")
        if not number.isdecimal() or int(number) >= self.users or user_name(int(number)) != name:
            return None
        return self.users_of(account)[int(number)]


def account_id(account: int) -> str:
    return str(FIRST_ACCOUNT + account)


def account_number(account: str) -> int:
    return int(account) - FIRST_ACCOUNT


def user_name(number: int) -> str:
    return f"user-{number:05d}"


def key_id(account: int, user: int, slot: int) -> str:
    place = _FIRST_PLACE + (account * 100_000 + user) * 2 + slot
    return f"AKIA{b32encode((place * _MIX % (1 << 80)).to_bytes(10)).decode()}"


def user_of_key(key: str) -> tuple[int, int]:
    """The numbers of the account and of the user."""
    place = int.from_bytes(b32decode(key[4:])) * _UNMIX % (1 << 80)
    return divmod((place - _FIRST_PLACE) // 2, 100_000)


@lru_cache(maxsize=256)
def _users_of(fleet: Fleet, account: int) -> tuple[User, ...]:
    draw = random.Random(fleet.seed * 1_000_003 + account).random
    return tuple(_user(fleet, account, number, draw) for number in range(fleet.users))


def _user(fleet: Fleet, account: int, number: int, draw: Draw) -> User:
    keys = tuple(
        _key(key_id(account, number, slot), fleet.now, age, active, draw)
        for slot, (age, active) in enumerate(_ages(draw))
    )
    name = user_name(number)
    oldest = min((key.created for key in keys), default=fleet.now - OLD * DAY)
    return User(
        name,
        "/apps/" if draw() < 0.1 else "/",
        oldest - int(draw() * 30 * DAY) - HOUR,
        keys,
        _tags(name, number, draw),
        GROUPS[int(draw() * len(GROUPS))],
    )


def _ages(draw: Draw) -> list[tuple[int, bool]]:
    """Each of the user's keys as its age in days and whether it is Active."""
    kind = draw()
    if kind < NO_KEY:
        return []
    if kind < ONLY_YOUNG:
        young = [(_between(0, NEAR - 1, draw), True) for _ in range(2)]
        return young[: 1 + (draw() < 0.2)]
    if kind < ONLY_MIDDLE:
        return [(_between(NEAR, OLD - 1, draw), True)]
    if kind < ONLY_INACTIVE:
        return [(_between(0, OLDEST, draw), False)]
    first = (_between(OLD, RIPE if draw() < JUST_OLD else OLDEST, draw), True)
    second = (_between(0, OLDEST, draw), draw() >= SECOND_INACTIVE)
    return [first, second] if draw() < SECOND_KEY else [first]


def _key(id_: str, now: int, age: int, active: bool, draw: Draw) -> Key:
    created = now - age * DAY - _hours(draw)
    rotated, used = created, None
    if draw() < TOGGLED and age > 1:
        rotated = (
            now - _between(1, age - 1 if draw() < 0.5 else min(age - 1, NEAR - 1), draw) * DAY - _hours(draw)
        )
    if draw() >= NEVER_USED:
        since = age if draw() < 0.4 else min(age, 10)
        used = max(created, now - _between(0, since, draw) * DAY - _hours(draw))
    return Key(id_, active, created, rotated, used, *SERVICES[int(draw() * len(SERVICES))])


def _tags(name: str, number: int, draw: Draw) -> tuple[tuple[str, str], ...]:
    owner = (("owner", f"{name}@example.com"),) if draw() < 0.9 else ()
    return (*owner, ("team", f"team-{number % 12}"))


def _between(first: int, last: int, draw: Draw) -> int:
    """A whole number, both ends included."""
    return first + int(draw() * (last - first + 1))


def _hours(draw: Draw) -> int:
    return 2 * HOUR + int(draw() * 8 * HOUR)
