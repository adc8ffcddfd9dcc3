"""What only a server can tell of the ledger in DynamoDB: real requests, real expressions, a real table."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from app.errors import LedgerError, NoLedger
from app.ledger.dynamodb.address import Address
from app.ledger.dynamodb.wire import SdkWire
from app.ledger.open import make_ledger, open_ledger
from app.ledger.verify import verify
from app.plan.record import Change
from tests.fakes.ledger_rows import DAY, NOW, UID, WHOLE, event, facts, run
from tests.servers.moto import REGION, dynamodb_server

pytestmark = pytest.mark.slow
NO_WAIT = timedelta(0)


@dataclass(frozen=True)
class Table:
    """One that nobody has made yet."""

    name: str

    @property
    def url(self) -> str:
        return f"dynamodb://{self.name}?region={REGION}&audit_days=400"

    def call(self, operation: str, **params: object) -> Mapping[str, Any]:
        return SdkWire(Address(self.name, REGION)).call(operation, TableName=self.name, **params)


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Iterator[Table]:
    with dynamodb_server() as server:
        server.point_sdk(monkeypatch)
        yield Table(request.node.name)  # moto's tables outlive its servers


def test_a_ledger_is_made_on_request_and_only_completed_when_it_is_there(table: Table) -> None:
    with pytest.raises(NoLedger, match="make it with `keysteward ledger migrate`"):
        open_ledger(table.url)
    make_ledger(table.url)
    open_ledger(table.url, create=False).apply(WHOLE)
    make_ledger(table.url)
    assert list(open_ledger(table.url, create=False).view().facts) == [UID]
    made = table.call("describe_table")["Table"]
    assert made["BillingModeSummary"]["BillingMode"] == "PAY_PER_REQUEST"
    assert made["DeletionProtectionEnabled"] is True
    ends = table.call("describe_time_to_live")["TimeToLiveDescription"]
    assert (ends["TimeToLiveStatus"], ends["AttributeName"]) == ("ENABLED", "expires_at")


def test_a_table_with_other_keys_is_none_of_ours(table: Table) -> None:
    table.call(
        "create_table",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    with pytest.raises(LedgerError, match="has other keys: it should have pk and sk"):
        make_ledger(table.url)
    with pytest.raises(LedgerError, match="has other keys: it should have pk and sk"):
        open_ledger(table.url)


def test_an_old_trail_is_cut_and_what_was_cut_is_marked_to_expire(table: Table) -> None:
    make_ledger(table.url)
    ledger = open_ledger(table.url)
    for age in (500, 450, 1):
        ledger.apply(Change(events=(event(str(age), NOW - age * DAY),)))
    ledger.apply(Change(run=run(NOW)))
    with ledger.lease("a", NO_WAIT) as lease:
        assert lease
        assert ledger.prune(NOW - 90 * DAY, lease)["events"] == 2
    assert [one.seq for one in ledger.sealed()] == [3, 4]
    assert [one.seq for one in ledger.sealed(4)] == [4]
    assert verify(ledger).breaks == ()
    items = table.call("scan", FilterExpression="attribute_exists(expires_at)")["Items"]
    assert sorted(item["sk"]["S"] for item in items) == ["000000000000001", "000000000000002"]
    assert {item["expires_at"]["N"] for item in items} == {str(int((NOW + DAY).timestamp()))}


def test_two_processes_share_one_ledger(table: Table) -> None:
    make_ledger(table.url)
    one, two = open_ledger(table.url), open_ledger(table.url)
    with one.lease("one", NO_WAIT) as first, two.lease("two", NO_WAIT) as second:
        assert first
        assert second is None
        one.apply(Change(facts=(facts(),)), first)
        assert list(two.view().facts) == [UID]
    with two.lease("two", NO_WAIT) as third:
        assert third
        assert third.epoch > first.epoch
    one.close()
    two.close()
