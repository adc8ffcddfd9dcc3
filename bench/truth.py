"""Which keys are due in a fleet, by plain arithmetic: nothing here asks Keysteward's own code.

The ladder is that of Keysteward's default config: warn at 75 days, ticket at 80, final at 87, deactivate at
90 or when unused for 45. AWS may show a use a day late, so `unused` counts from 46. Inactive keys are due for
deletion 30 days after they were first seen inactive, which no run of a benchmark reaches.
"""

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from bench.fleet import DAY, NEAR, Fleet, User, account_id

AGES = ((90, "deactivate"), (87, "final"), (80, "ticket"), (75, "warn"))
UNUSED = 45 + 1
DUE = frozenset({"warn", "ticket", "final", "deactivate"})


class Due(NamedTuple):
    """One key that is on a rung of the ladder. ``tail``: the last four characters of its id."""

    account: str
    user: str
    tail: str
    state: str


def state_of(active: bool, created: float, used: float | None, now: float) -> str:
    """Times in seconds. ``used`` None: never."""
    if not active:
        return "inactive"
    age = (now - created) / DAY
    idle = (now - (created if used is None else used)) / DAY
    if idle >= UNUSED:
        return "deactivate"
    return next((name for days, name in AGES if age >= days), "ok")


def due_in(fleet: Fleet, account: int) -> Iterator[Due]:
    """Every due key of the account with this number."""
    for user in fleet.users_of(account):
        for key in user.keys:
            state = state_of(key.active, key.created, key.used, fleet.now)
            if state in DUE:
                yield Due(account_id(account), user.name, key.id[-4:], state)


def older_in(fleet: Fleet, account: int, days: int) -> Iterator[Due]:
    """The account's Active keys of at least that age: all that the simpler tools are asked for."""
    for user in fleet.users_of(account):
        for key in user.keys:
            if key.active and fleet.now - key.created >= days * DAY:
                yield Due(account_id(account), user.name, key.id[-4:], "old")


def states_in(fleet: Fleet, account: int) -> Counter[str]:
    """How many of the account's keys are in each state."""
    keys = (key for user in fleet.users_of(account) for key in user.keys)
    return Counter(state_of(key.active, key.created, key.used, fleet.now) for key in keys)


def hidden_in(fleet: Fleet, account: int) -> frozenset[str]:
    """The names of users with a due key of whom the credential report shows nothing near any rung: the key's
    status was changed lately, and the report has only that date. Who goes by it alone can't see them."""
    due = {row.user for row in due_in(fleet, account)}
    return frozenset(
        u.name for u in fleet.users_of(account) if u.name in due and not looks_near(u, fleet.now)
    )


def looks_near(user: User, now: int) -> bool:
    """Whether the report shows an inactive key, or an Active one old enough for some rung."""
    return any(not key.active or now - key.rotated >= NEAR * DAY for key in user.keys)


def is_near(user: User, now: int) -> bool:
    """Whether any of the user's keys is inactive, or of an age near some rung: he must be read live once."""
    return any(not key.active or now - key.created >= NEAR * DAY for key in user.keys)
