"""What the scripts have in common: the question, and how they hand in their answer."""

import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from bench.fleet import DAY, NEAR
from bench.truth import DUE, Due, state_of

ROLE = "keysteward-spoke"
UNKNOWN = -1.0


class Slot(NamedTuple):
    """One of the two keys in a row of the credential report. ``used`` None: never."""

    active: bool
    rotated: float
    used: float | None


class Listed(NamedTuple):
    """A key as ListAccessKeys has it."""

    id: str
    active: bool
    created: float


def arguments(what: str | None) -> Namespace:
    parser = ArgumentParser(description=what)
    parser.add_argument("--out", type=Path, required=True, help="where the due keys are written")
    parser.add_argument("--at-once", type=int, default=32, help="calls under way at a time")
    return parser.parse_args()


def hand_in(out: Path, due: Iterable[Due]) -> None:
    with out.open("w") as file:
        file.writelines("\t".join(row) + "\n" for row in due)


def role_arn(account: str) -> str:
    return f"arn:aws:iam::{account}:role/{ROLE}"


def seconds(text: str) -> float:
    """An instant as AWS writes it."""
    return datetime.fromisoformat(text).timestamp()


def near(slots: Iterable[Slot], now: float) -> bool:
    """Whether some key may be on a rung, or is inactive (and may be due for deletion one day)."""
    return any(not slot.active or now - slot.rotated >= NEAR * DAY for slot in slots)


def last_use(key: Listed, keys: Sequence[Listed], slots: Sequence[Slot]) -> float | None:
    """A key's last use out of the report, which has no ids: by the second of creation, or as the only one
    left. `UNKNOWN` when neither tells."""
    same = [slot for slot in slots if slot.rotated == key.created]
    if len(same) != 1:
        taken = {other.created for other in keys if other is not key}
        same = [slot for slot in slots if slot.rotated not in taken]
    return same[0].used if len(same) == 1 else UNKNOWN


def judge(account: str, user: str, key: Listed, used: float | None) -> list[Due]:
    """The key, if it is due now."""
    state = state_of(key.active, key.created, used, time.time())
    return [Due(account, user, key.id[-4:], state)] if state in DUE else []
