"""Every ACTIVE account of the AWS organization: by its list, or by walking its tree where units matter.

Follows the Organizations API reference: pages hold at most 20 and may be empty while more follow;
`State` replaced `Status` in 2026, so the newer is read first. Any page that fails fails the whole list.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from app.accounts.interface import AccountList
from app.errors import Permanent
from app.model import Account, RoleRef

ACTIVE = "ACTIVE"


class Caller(Protocol):
    """One Organizations operation; retries throttling, raises `Transient` or `Permanent`."""

    def call(self, operation: str, **params: object) -> Mapping[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Selection:
    """Which accounts, and the roles to assume in them. Role names may hold a path (`ops/reader`)."""

    role_name: str
    actor_role_name: str | None = None
    external_id: str | None = None
    include_ous: frozenset[str] = frozenset()  # ids; each with all that is below; empty: everything
    exclude_ous: frozenset[str] = frozenset()
    exclude_accounts: frozenset[str] = frozenset()
    with_units: bool = False  # where each account is: two calls a unit or more
    with_tags: bool = False  # a call an account, at 10 a second


@dataclass(frozen=True, slots=True)
class Place:
    """A root or an organizational unit, with its ancestors."""

    id: str
    ids: tuple[str, ...]
    path: str


ANYWHERE = Place("", (), "")  # of accounts whose unit nobody asked for


@dataclass(frozen=True)
class OrganizationAccounts:
    """`AccountSource` over AWS Organizations.

    The hub's own account is read with the hub's own credentials (``reader`` None), even if a role of
    that name exists there: roles made by StackSets do not reach the management account.
    """

    api: Caller
    selection: Selection
    hub_account_id: str
    partition: str = "aws"

    def list(self) -> AccountList:
        chosen: dict[str, Account] = {}  # by id: one that is moved meanwhile may show twice
        skipped: Counter[str] = Counter()
        for found, place in self._found():
            why = self._why_not(found, place)
            if why:
                skipped[why] += 1
            else:
                chosen[found["Id"]] = self._account(found, place)
        doubts: dict[str, None] = {}  # said once, for however many accounts
        accounts = tuple(self._tagged(account, doubts) for account in chosen.values())
        return AccountList(accounts, dict(skipped), tuple(doubts))

    def _found(self) -> Iterator[tuple[Mapping[str, Any], Place]]:
        if not self.selection.with_units:
            yield from ((found, ANYWHERE) for found in self._pages("list_accounts", "Accounts"))
            return
        for place in self._places():
            for found in self._pages("list_accounts_for_parent", "Accounts", ParentId=place.id):
                yield found, place

    def _places(self) -> Iterator[Place]:
        for root in self._pages("list_roots", "Roots"):
            yield from self._below(Place(root["Id"], (root["Id"],), root.get("Name", "Root")))

    def _below(self, place: Place) -> Iterator[Place]:
        yield place
        units = self._pages("list_organizational_units_for_parent", "OrganizationalUnits", ParentId=place.id)
        for unit in units:
            path = f"{place.path}/{unit['Name']}"
            yield from self._below(Place(unit["Id"], (*place.ids, unit["Id"]), path))

    def _why_not(self, found: Mapping[str, Any], place: Place) -> str | None:
        state = str(found.get("State") or found.get("Status") or "unknown")
        if state != ACTIVE:
            return state.lower()
        wanted, unwanted = self.selection.include_ous, self.selection.exclude_ous
        if found["Id"] in self.selection.exclude_accounts or not unwanted.isdisjoint(place.ids):
            return "excluded"
        return "excluded" if wanted and wanted.isdisjoint(place.ids) else None

    def _account(self, found: Mapping[str, Any], place: Place) -> Account:
        account_id = str(found["Id"])
        reader = self._role(account_id, self.selection.role_name)
        return Account(
            id=account_id,
            name=found.get("Name", ""),
            email=found.get("Email", ""),
            ou_ids=place.ids,
            ou_path=place.path,
            partition=self.partition,
            reader=None if account_id == self.hub_account_id else reader,
            actor=self._role(account_id, self.selection.actor_role_name),
        )

    def _role(self, account_id: str, name: str | None) -> RoleRef | None:
        if name is None:
            return None
        arn = f"arn:{self.partition}:iam::{account_id}:role/{name.strip('/')}"
        return RoleRef(arn, self.selection.external_id)

    def _tagged(self, account: Account, doubts: dict[str, None]) -> Account:
        """Tags that may not be read are None, so that rules on them match nothing; the rest stands."""
        if not self.selection.with_tags:
            return account
        try:
            tags = list(self._pages("list_tags_for_resource", "Tags", ResourceId=account.id))
        except Permanent as error:
            doubts[f"tags of accounts are unknown: {error}"] = None
            return replace(account, tags=None)
        return replace(account, tags={tag["Key"]: tag["Value"] for tag in tags})

    def _pages(self, operation: str, items: str, **params: object) -> Iterator[Mapping[str, Any]]:
        token: dict[str, object] = {}
        while True:
            page = self.api.call(operation, **params, **token)
            yield from page.get(items, [])
            if not page.get("NextToken"):
                return
            token = {"NextToken": page["NextToken"]}
