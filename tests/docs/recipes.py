"""The cookbook as data: each config, and what the tables under it claim of single keys."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from app.config.durations import parse_duration
from app.model import ACTIVE, INACTIVE, Account, Credential, LastUsed
from tests.docs.blocks import ROOT

TODAY = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)  # as the page says
PAGE = ROOT / "docs" / "cookbook.md"
_CODE = re.compile(r"`([^`]+)`")


@dataclass(frozen=True, slots=True)
class Claim:
    """One line of a table of keys: ``stage, rule, mode, owner`` are what it says of the key."""

    credential: Credential
    account: Account
    inactive_since: datetime | None
    now: datetime
    said: tuple[str, str, str, str]


@dataclass(frozen=True, slots=True)
class Recipe:
    title: str
    config: str
    claims: tuple[Claim, ...]
    instants: Mapping[datetime, str] = field(default_factory=dict)  # -> "allowed" or "frozen"


def recipes() -> list[Recipe]:
    """Every section of the page, each with one config."""
    return [_recipe(part) for part in PAGE.read_text("utf-8").split("\n## ")[1:]]


def _recipe(part: str) -> Recipe:
    [config] = re.findall(r"^```yaml\n(.*?)^```", part, re.MULTILINE | re.DOTALL)
    claims = tuple(_claim(cells) for cells in _rows(part, 7))
    instants = {datetime.fromisoformat(when): said for when, said in _rows(part, 2)}
    return Recipe(part.partition("\n")[0], config, claims, instants)


def _rows(part: str, columns: int) -> Iterator[list[str]]:
    for line in part.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        heading = cells[0] in {"key", "instant"} or line.startswith("|---")
        if line.startswith("|") and len(cells) == columns and not heading:
            yield cells


def _claim(cells: list[str]) -> Claim:
    key, age, used, stage, rule, mode, told = cells
    on = re.search(r"\bon (\d{4}-\d\d-\d\d)", key)
    now = datetime.fromisoformat(on[1]).replace(tzinfo=UTC) if on else TODAY
    credential, account = _credential(_CODE.findall(key)[0], age, used, now), Account("111122223333", "prod")
    since = None
    for known in key.split(", ")[1:]:
        credential, account = _of_key(known, credential), _of_account(known, account)
        since = now - parse_duration(known.split()[-1]) if known.startswith("inactive for ") else since
    return Claim(credential, account, since, now, (_bare(stage), rule, mode, _bare(told)))


def _credential(user: str, age: str, used: str, now: datetime) -> Credential:
    return Credential(
        account_id="111122223333",
        user=user,
        id="AKIAIOSFODNN7EXAMPLE",
        status=ACTIVE,
        created=now - parse_duration(age),
        last_used=LastUsed.never() if used == "never" else LastUsed("at", now - parse_duration(used)),
        observed_at=now,
        live=True,
        tags={},
        groups=(),
    )


def _of_key(text: str, key: Credential) -> Credential:
    """What a cell says after the user's name, one thing at a time. Raises ValueError on anything else."""
    value = _bare(text)
    name, _, word = value.partition("=")
    match text.split()[0]:
        case "path":
            return replace(key, user_path=value)
        case "group":
            return replace(key, groups=(value,))
        case "tag":
            return replace(key, tags={**(key.tags or {}), name: word})
        case "tags":
            return replace(key, tags=None, unreadable="iam:ListUserTags is denied")
        case "inactive":
            return replace(key, status=INACTIVE)
        case "account" | "ou" | "on":
            return key
    raise ValueError(f"what is {text!r}? say in tests/docs/recipes.py")


def _of_account(text: str, account: Account) -> Account:
    value = _bare(text)
    name, _, word = value.partition("=")
    if text.startswith("account tag "):
        return replace(account, tags={**(account.tags or {}), name: word})
    if text.startswith("account "):
        return replace(account, name=value)
    if text.startswith("ou "):
        by_id = value.startswith("ou-")
        return replace(account, ou_ids=(value,)) if by_id else replace(account, ou_path=value)
    return account


def _bare(text: str) -> str:
    found = _CODE.search(text)
    return found[1] if found else text
