"""Reading one user's access keys live: ids, true dates, status, and for keys near a stage the rest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from app.errors import KeystewardError, Permanent
from app.inventory.api import Api
from app.inventory.faults import Gone
from app.inventory.interface import Need
from app.inventory.join import last_used_in_row, learn_lines
from app.inventory.report import Row, present
from app.inventory.sessions import Sessions
from app.inventory.traits import Traits, traits_of_one
from app.inventory.watch import utc
from app.model import ACTIVE, Account, Credential, LastUsed, RememberedKey, RememberedUser

ONE_KEY = timedelta(minutes=1)  # how long reading one key may take, throttling included


@dataclass(frozen=True)
class UserReader:
    """Reads users of one account at one instant. ``traits``: of all users, where they were read at once."""

    api: Api
    account_id: str
    need: Need
    now: datetime
    traits: Mapping[str, Traits] = field(default_factory=dict)

    def read(self, user: str, path: str, row: Row | None, is_open: bool) -> list[Credential]:
        """The user's keys, whole; none when he is gone. Raises when the listing itself can't be read.

        ``row``: his line in a fresh report, which tells the last use of each key that it shows.
        """
        keys = list_keys(self.api, user)
        known = [RememberedKey(k["AccessKeyId"], utc(k["CreateDate"]), k["Status"]) for k in keys]
        near = [is_open or self._near(key) for key in known]
        traits = self._traits(user) if any(near) else Traits()
        found = []
        for key, is_near in zip(known, near, strict=True):
            used = last_used_in_row(row, key, known)
            if used.state == "unknown" and is_near:
                used = read_last_used(self.api, key.id)
            found.append(credential(self.account_id, user, path, key, used, traits, self.now))
        return found

    def _traits(self, user: str) -> Traits:
        return self.traits.get(user) or traits_of_one(self.api, user)

    def _near(self, key: RememberedKey) -> bool:
        if key.status != ACTIVE:
            return self.need.inactive_matters
        return self.now - key.created >= self.need.near_age


@dataclass(frozen=True)
class IamLiveReader:
    """`LiveReader` over IAM: every answer is fresh."""

    sessions: Sessions

    def read(self, account: Account, user: str, key_id: str, now: datetime) -> Credential | None:
        api = self.sessions.reading(account, ONE_KEY)
        try:
            path = api.call("get_user", UserName=user)["User"]["Path"]
            found = next((key for key in list_keys(api, user) if key["AccessKeyId"] == key_id), None)
            key = RememberedKey(key_id, utc(found["CreateDate"]), found["Status"]) if found else None
        except Gone:
            return None
        except (LookupError, TypeError, ValueError, AttributeError):  # the SDK lets such answers through
            raise Permanent(f"iam in account {account.id} gave an answer of an unknown shape") from None
        if key is None:
            return None
        used, traits = read_last_used(api, key_id), traits_of_one(api, user)
        return credential(account.id, user, path, key, used, traits, now)


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


def credential(
    account_id: str,
    user: str,
    path: str,
    key: RememberedKey,
    used: LastUsed,
    traits: Traits,
    now: datetime,
) -> Credential:
    """A credential read live. Its status word is AWS's own, known or not."""
    return Credential(
        account_id=account_id,
        user=user,
        id=key.id,
        status=key.status,
        created=key.created,
        last_used=used,
        observed_at=now,
        live=True,
        user_path=path,
        tags=traits.tags,
        groups=traits.groups,
        unreadable=traits.unreadable,
    )


def remember(
    account_id: str, user: str, keys: Sequence[Credential], now: datetime, row: Row | None = None
) -> RememberedUser:
    """What a live read of a user showed: his tags and groups too, if they were read whole.

    ``row``: his line in the report that was at hand.
    """
    lines = learn_lines(row, keys) if row else {}
    known = tuple(RememberedKey(k.id, k.created, k.status, lines.get(k.id)) for k in keys if k.id)
    first = keys[0] if keys and not keys[0].unreadable else None
    return RememberedUser(
        account_id, user, now, known, first.tags if first else None, first.groups if first else None
    )
