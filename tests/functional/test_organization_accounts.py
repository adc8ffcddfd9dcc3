"""Listing an organization: nested units, empty pages, throttling; complete or an error."""

from collections.abc import Iterator

import pytest

from app.accounts.organizations import OrganizationAccounts, Selection
from app.errors import Permanent
from app.inventory.api import Pace
from app.inventory.sessions import Sessions
from app.model import RoleRef
from tests.fakes.aws import HUB, FakeAws, point_sdk_at
from tests.fakes.aws_fleet import FakeAccount, FakeUnit
from tests.fakes.clock import Sleeper

UNITS = [FakeUnit("ou-1", "Prod"), FakeUnit("ou-2", "Payments", "ou-1"), FakeUnit("ou-3", "Sandbox")]
FLEET = [
    FakeAccount(HUB, name="management"),
    FakeAccount("100000000001", name="web", parent="ou-1"),
    FakeAccount("100000000002", name="cards", parent="ou-2", tags={"tier": "1"}),
    FakeAccount("100000000003", name="toys", parent="ou-3"),
    FakeAccount("100000000004", name="closed", parent="ou-3", state="SUSPENDED"),
    FakeAccount("100000000005", name="new", parent="ou-1", state="PENDING_ACTIVATION"),
]


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeAws]:
    with FakeAws(FLEET, UNITS, page_size=1) as fake:
        fake.empty_pages = True
        point_sdk_at(fake.url, monkeypatch)
        yield fake


def source(**chosen: object) -> OrganizationAccounts:
    waits = Sleeper()
    api = Sessions(pace=Pace(sleep=waits.sleep, monotonic=lambda: waits.now)).organizations()
    return OrganizationAccounts(api, Selection("ops/reader", **chosen), HUB)  # type: ignore[arg-type]


def names(source: OrganizationAccounts) -> set[str]:
    return {account.name for account in source.list().accounts}


@pytest.mark.parametrize("units", [False, True])
def test_every_active_account_of_every_level_is_listed_and_the_rest_counted(
    aws: FakeAws, units: bool
) -> None:
    found = source(with_units=units).list()
    assert {account.name for account in found.accounts} == {"management", "web", "cards", "toys"}
    assert found.skipped == {"suspended": 1, "pending_activation": 1}


def test_an_account_knows_its_place_by_id_and_by_name(aws: FakeAws) -> None:
    cards = {account.name: account for account in source(with_units=True).list().accounts}["cards"]
    assert cards.ou_ids == ("r-root", "ou-1", "ou-2")
    assert cards.ou_path == "Root/Prod/Payments"
    assert cards.tags == {}


def test_a_chosen_unit_brings_what_is_below_it_and_an_excluded_one_takes_it_away(aws: FakeAws) -> None:
    assert names(source(with_units=True, include_ous=frozenset({"ou-1"}))) == {"web", "cards"}
    both = source(with_units=True, include_ous=frozenset({"ou-1"}), exclude_ous=frozenset({"ou-2"}))
    assert names(both) == {"web"}
    assert both.list().skipped["excluded"] == 3
    assert names(source(exclude_accounts=frozenset({"100000000001"}))) == {"management", "cards", "toys"}


def test_roles_are_named_for_every_account_but_the_hubs_own_is_read_directly(aws: FakeAws) -> None:
    listed = source(external_id="x", actor_role_name="actor").list().accounts
    found = {account.name: account for account in listed}
    assert found["web"].reader == RoleRef("arn:aws:iam::100000000001:role/ops/reader", "x")
    assert found["web"].actor == RoleRef("arn:aws:iam::100000000001:role/actor", "x")
    assert found["management"].reader is None


def test_account_tags_are_read_only_when_asked_for(aws: FakeAws) -> None:
    source().list()
    assert aws.count(HUB, "organizations:ListTagsForResource") == 0
    tagged = {account.name: account for account in source(with_tags=True).list().accounts}
    assert tagged["cards"].tags == {"tier": "1"}


def test_account_tags_that_are_denied_are_unreadable_rather_than_empty(aws: FakeAws) -> None:
    aws.fail(HUB, "organizations:ListTagsForResource", "AccessDeniedException", times=99)
    listed = source(with_tags=True).list()
    assert {account.tags for account in listed.accounts} == {None}
    [said] = listed.warnings
    assert "grant organizations:ListTagsForResource to the hub" in said


def test_where_no_unit_is_asked_for_the_tree_is_not_walked(aws: FakeAws) -> None:
    source().list()
    walked = ("ListRoots", "ListOrganizationalUnitsForParent", "ListAccountsForParent")
    assert sum(aws.count(HUB, f"organizations:{action}") for action in walked) == 0


@pytest.mark.parametrize(("units", "action"), [(False, "ListAccounts"), (True, "ListAccountsForParent")])
def test_throttled_pages_are_asked_for_again(aws: FakeAws, units: bool, action: str) -> None:
    aws.fail(HUB, f"organizations:{action}", "TooManyRequestsException", times=9)
    assert len(names(source(with_units=units))) == 4


@pytest.mark.parametrize(
    ("units", "action"),
    [
        (False, "ListAccounts"),
        (True, "ListRoots"),
        (True, "ListOrganizationalUnitsForParent"),
        (True, "ListAccountsForParent"),
    ],
)
def test_one_page_that_fails_makes_the_whole_list_fail(aws: FakeAws, units: bool, action: str) -> None:
    aws.fail(HUB, f"organizations:{action}", "AccessDeniedException")
    with pytest.raises(Permanent, match=f"organizations:{action}"):
        source(with_units=units).list()


def test_the_caller_serves_a_service_that_runs_for_days(aws: FakeAws) -> None:
    days_up = [0.0]
    api = Sessions(pace=Pace(sleep=lambda _: None, monotonic=lambda: days_up[0])).organizations()
    listed = OrganizationAccounts(api, Selection("reader"), HUB)
    before = names(listed)
    days_up[0] = 30 * 86400.0
    assert names(listed) == before
