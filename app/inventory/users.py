"""Reading one user's access keys live: ids, true dates, status, and for keys near a stage the rest."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from app.errors import KeystewardError
from app.inventory.api import Api
from app.inventory.faults import Gone
from app.inventory.interface import Need
from app.inventory.look import last_used_in_row
from app.inventory.report import Row, present
from app.inventory.sessions import Sessions
from app.inventory.watch import utc
from app.model import ACTIVE, Account, Credential, LastUsed, RememberedKey, RememberedUser

ONE_KEY = timedelta(minutes=1)  # how long reading one key may take, throttling included


@dataclass(frozen=True, slots=True)
class Traits:
    """What a user's policy matching needs; None with the reason when it can't be read."""

    tags: Mapping[str, str] | None = None
    groups: tuple[str, ...] | None = None
    unreadable: str = ""


@dataclass(frozen=True)
class UserReader:
    """Reads users of one account at one instant."""

    api: Api
    account_id: str
    need: Need
    now: datetime

    def read(self, user: str, path: str, row: Row | None, is_open: bool) -> list[Credential]:
        """The user's keys, whole; none when he is gone. Raises when the listing itself can't be read.

        ``row``: his line in a fresh report, which spares the last use of keys far from every stage.
        """
        keys = list_keys(self.api, user)
        near = [is_open or self._near(key) for key in keys]
        traits = read_traits(self.api, user) if any(near) else Traits()
        found = []
        for key, is_near in zip(keys, near, strict=True):
            used = read_last_used(self.api, key["AccessKeyId"]) if is_near else None
            used = used or last_used_in_row(row, utc(key["CreateDate"]))
            found.append(credential(self.account_id, user, path, key, used, traits, self.now))
        return found

    def _near(self, key: Mapping[str, Any]) -> bool:
        if key["Status"] != ACTIVE:
            return self.need.inactive_matters
        return self.now - utc(key["CreateDate"]) >= self.need.near_age


@dataclass(frozen=True)
class IamLiveReader:
    """`LiveReader` over IAM: every answer is fresh."""

    sessions: Sessions

    def read(self, account: Account, user: str, key_id: str, now: datetime) -> Credential | None:
        api = self.sessions.reading(account, ONE_KEY)
        try:
            path = api.call("get_user", UserName=user)["User"]["Path"]
        except Gone:
            return None
        found = [key for key in list_keys(api, user) if key["AccessKeyId"] == key_id]
        if not found:
            return None
        used, traits = read_last_used(api, key_id), read_traits(api, user)
        return credential(account.id, user, path, found[0], used, traits, now)


def list_keys(api: Api, user: str) -> list[Mapping[str, Any]]:
    """Every page of the user's keys; none when he was deleted meanwhile."""
    try:
        return list(api.pages("list_access_keys", "AccessKeyMetadata", UserName=user))
    except Gone:
        return []


def read_last_used(api: Api, key_id: str) -> LastUsed:
    """`never` only when AWS answered and named no date; any failure at all is `unknown`."""
    try:
        return _last_used(api.call("get_access_key_last_used", AccessKeyId=key_id)["AccessKeyLastUsed"])
    except KeystewardError as error:
        return LastUsed.unknown(str(error))
    except (LookupError, TypeError, ValueError, AttributeError):
        return LastUsed.unknown("iam:GetAccessKeyLastUsed gave an answer of an unknown shape")


def _last_used(answer: Mapping[str, Any]) -> LastUsed:
    at = answer.get("LastUsedDate")
    if at is None:
        return LastUsed.never()
    return LastUsed("at", utc(at), present(answer.get("ServiceName")), present(answer.get("Region")))


def read_traits(api: Api, user: str) -> Traits:
    """The user's tags and groups. What can't be read is None, and the reason says what is missing."""
    traits = Traits()
    try:
        tags = api.pages("list_user_tags", "Tags", UserName=user)
        traits = replace(traits, tags={tag["Key"]: tag["Value"] for tag in tags})
    except KeystewardError as error:
        traits = replace(traits, unreadable=str(error))
    try:
        groups = api.pages("list_groups_for_user", "Groups", UserName=user)
        return replace(traits, groups=tuple(sorted(group["GroupName"] for group in groups)))
    except KeystewardError as error:
        return replace(traits, unreadable="; ".join(filter(None, (traits.unreadable, str(error)))))


def credential(
    account_id: str,
    user: str,
    path: str,
    key: Mapping[str, Any],
    used: LastUsed,
    traits: Traits,
    now: datetime,
) -> Credential:
    """A credential read live. Its status word is AWS's own, known or not."""
    return Credential(
        account_id=account_id,
        user=user,
        id=key["AccessKeyId"],
        status=key["Status"],
        created=utc(key["CreateDate"]),
        last_used=used,
        observed_at=now,
        live=True,
        user_path=path,
        tags=traits.tags,
        groups=traits.groups,
        unreadable=traits.unreadable,
    )


def remember(account_id: str, user: str, keys: Iterable[Credential], now: datetime) -> RememberedUser:
    known = tuple(RememberedKey(key.id, key.created, key.status) for key in keys if key.id)
    return RememberedUser(account_id, user, now, known)
