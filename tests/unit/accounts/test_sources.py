"""Accounts that need no organization, and the states that one may show."""

from collections.abc import Mapping
from typing import Any

from app.accounts.current import CurrentAccount
from app.accounts.organizations import OrganizationAccounts, Selection
from app.accounts.static import StaticAccounts
from app.model import Account


def test_the_config_s_accounts_are_listed_as_they_stand() -> None:
    accounts = (Account("111122223333"), Account("444455556666"))
    assert StaticAccounts(accounts).list().accounts == accounts


def test_the_present_account_is_read_with_the_present_credentials() -> None:
    (account,) = CurrentAccount(lambda: ("111122223333", "aws-cn")).list().accounts
    assert (account.id, account.partition, account.reader) == ("111122223333", "aws-cn", None)


class OneRoot:
    """An organization of one root; ``found`` are its accounts."""

    def __init__(self, *found: Mapping[str, Any]) -> None:
        self.found = found

    def call(self, operation: str, **params: object) -> Mapping[str, Any]:
        answers: dict[str, Mapping[str, Any]] = {
            "list_accounts": {"Accounts": list(self.found)},
            "list_roots": {"Roots": [{"Id": "r-1", "Name": "Root"}]},
            "list_organizational_units_for_parent": {"OrganizationalUnits": []},
            "list_accounts_for_parent": {"Accounts": list(self.found)},
        }
        return answers[operation]


def test_the_newer_state_is_believed_before_the_retired_status() -> None:
    api = OneRoot(
        {"Id": "1", "State": "CLOSED", "Status": "ACTIVE"},
        {"Id": "2", "Status": "ACTIVE"},
        {"Id": "3", "Status": "SUSPENDED"},
        {"Id": "4"},
    )
    found = OrganizationAccounts(api, Selection("r"), "9").list()
    assert [account.id for account in found.accounts] == ["2"]
    assert found.skipped == {"closed": 1, "suspended": 1, "unknown": 1}


def test_an_account_that_moves_while_listing_is_listed_once() -> None:
    api = OneRoot({"Id": "1", "State": "ACTIVE"}, {"Id": "1", "State": "ACTIVE"})
    assert len(OrganizationAccounts(api, Selection("r"), "9").list().accounts) == 1
