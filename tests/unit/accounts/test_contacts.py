"""The alternate contacts of accounts: asked once a day, and never in the way of a scan."""

from collections.abc import Iterator, Mapping
from typing import Any

import boto3
import pytest
from moto import mock_aws

from app.accounts.contacts import ContactCache, WithContacts
from app.accounts.static import StaticAccounts
from app.errors import KeystewardError, Permanent, Transient
from app.inventory.sessions import Sessions
from app.model import Account

HUB, WEB = "999988887777", "111122223333"


class Contacts:
    """Account Management: ``known`` are (account or None for the caller's own, kind) -> address."""

    def __init__(
        self, known: Mapping[tuple[str | None, str], str], fault: KeystewardError | None = None
    ) -> None:
        self.known, self.fault, self.asked = known, fault, 0

    def call(self, operation: str, **params: object) -> Mapping[str, Any]:
        self.asked += 1
        if self.fault:
            raise self.fault
        found = self.known.get((params.get("AccountId"), params["AlternateContactType"]))  # type: ignore[arg-type]
        if found is None:
            raise Permanent("account:GetAlternateContact by the hub: ResourceNotFoundException: none")
        return {"AlternateContact": {"EmailAddress": found}}


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def a_source(api: Contacts, cache: ContactCache | None = None) -> WithContacts:
    accounts = StaticAccounts((Account(HUB), Account(WEB)))
    return WithContacts(accounts, api, frozenset({"security"}), HUB, cache or ContactCache())


def contacts(source: WithContacts) -> list[str]:
    return [account.contacts.get("security", "") for account in source.list().accounts]


def test_the_own_account_is_asked_without_an_id() -> None:
    api = Contacts({(None, "SECURITY"): "hub@example.com", (WEB, "SECURITY"): "web@example.com"})
    assert contacts(a_source(api)) == ["hub@example.com", "web@example.com"]


def test_a_contact_that_was_never_set_is_nobody() -> None:
    assert contacts(a_source(Contacts({}))) == ["", ""]


def test_contacts_are_remembered_for_a_day() -> None:
    api, clock = Contacts({}), Clock()
    source = a_source(api, ContactCache(clock))
    source.list()
    source.list()
    assert api.asked == 2
    clock.now += 86_400
    source.list()
    assert api.asked == 4


def test_a_denial_is_said_with_each_list_and_asked_no_more() -> None:
    api = Contacts({}, Permanent("account:GetAlternateContact by the hub is denied"))
    source = a_source(api)
    for _ in range(2):
        listed = source.list()
        assert [account.contacts for account in listed.accounts] == [{}, {}]
        [said] = listed.warnings
        assert "account:GetAlternateContact by the hub is denied" in said
    assert api.asked == 1


def test_a_failure_for_now_is_asked_again_with_the_next_list() -> None:
    api = Contacts({(None, "SECURITY"): "hub@example.com"}, Transient("throttled"))
    source = a_source(api)
    assert contacts(source) == ["", ""]
    api.fault = None
    assert contacts(source) == ["hub@example.com", ""]


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    with mock_aws():
        yield


@pytest.mark.usefixtures("aws")
def test_moto_s_account_management_answers_the_same_way() -> None:
    boto3.client("account").put_alternate_contact(
        AlternateContactType="SECURITY", EmailAddress="s@example.com", Name="S", PhoneNumber="1", Title="T"
    )
    api = Sessions().contacts()
    wanted = frozenset({"security", "billing"})
    source = WithContacts(
        StaticAccounts((Account("123456789012"),)), api, wanted, "123456789012", ContactCache()
    )
    [account] = source.list().accounts
    assert account.contacts["security"] == "s@example.com"
    assert not account.contacts["billing"]
