"""Opening a ledger in DynamoDB, its limits, and what is said when it can't be used."""

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from botocore import exceptions as sdk

from app.errors import LedgerError, NoLedger
from app.inventory.permissions import LEDGER_ACTIONS
from app.ledger.dynamodb import keys
from app.ledger.dynamodb.address import Address
from app.ledger.dynamodb.faults import Refused, translate
from app.ledger.dynamodb.journal import HEAD, INLINE
from app.ledger.dynamodb.ledger import ledger_over
from app.ledger.dynamodb.making import MAKING_ACTIONS, TableMaker
from app.ledger.dynamodb.wire import action_of
from app.ledger.open import open_ledger
from app.plan.record import Change
from tests.fakes.dynamodb import FakeDynamodb
from tests.fakes.dynamodb_faults import ADDRESS, Line, meanwhile, process
from tests.fakes.dynamodb_stories import STORIES, table_with
from tests.fakes.ledger_rows import ACCOUNT, KEY_ID, UID, WHOLE, facts
from tests.fakes.ledger_use import everything

NO_WAIT = timedelta(0)


# --- opening ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("dynamodb://keysteward", Address("keysteward")),
        ("dynamodb://key.st-ew_ard/?region=eu-central-1", Address("key.st-ew_ard", "eu-central-1")),
        ("dynamodb://t-1?region=us-gov-west-1&audit_days=400", Address("t-1", "us-gov-west-1", 400)),
    ],
)
def test_a_url_names_a_table(url: str, address: Address) -> None:
    assert Address.parse(url) == address


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("dynamodb://", "should name a table: dynamodb://TABLE"),
        ("dynamodb://ab", "should name a table"),
        ("dynamodb://table/other", "should name a table"),
        ("dynamodb://me:hunter2@table", "should name a table"),
        (
            "dynamodb://table?regoin=eu-central-1",
            "unknown option: dynamodb://TABLE.* takes region and audit_days",
        ),
        ("dynamodb://table?region=here", "should name a region"),
        ("dynamodb://table?audit_days=0", "audit_days as a whole number of days"),
        ("dynamodb://table?audit_days=", "audit_days as a whole number of days"),
    ],
)
def test_any_other_url_is_refused_in_words(url: str, says: str) -> None:
    with pytest.raises(LedgerError, match=says) as raised:
        open_ledger(url)
    assert "hunter2" not in str(raised.value)


def test_an_empty_table_gets_a_ledger_only_when_asked() -> None:
    table = FakeDynamodb()
    with pytest.raises(NoLedger, match="holds no ledger"):
        ledger_over(table, ADDRESS, create=False)
    assert table.items == {}
    ledger_over(table, ADDRESS)
    assert list(table.items) == [HEAD, keys.CONTROL]
    assert ledger_over(table, ADDRESS, create=False).chain().head is not None


def test_of_many_who_begin_a_ledger_at_once_the_first_one_does() -> None:
    for at in range(2):
        table = FakeDynamodb()
        line = Line(table)
        line.arm(at, meanwhile(table, lambda other: other.apply(Change(facts=(facts(),)))))
        process(line)
        assert list(process(table).view().facts) == [UID]


def test_a_ledger_of_a_newer_release_is_left_alone() -> None:
    table = table_with(Change(facts=(facts(),)))
    running, before = process(table), dict(table.items)
    table.items[HEAD] = {**table.items[HEAD], "shape": {"N": "2"}}
    newer = dict(table.items)
    for use in (lambda: process(table), running.frame, lambda: running.apply(WHOLE)):
        with pytest.raises(LedgerError, match=r"newer Keysteward \(shape 2\): upgrade this one"):
            use()
    assert table.items == newer
    table.items = before
    assert list(process(table).view().facts) == [UID]


def test_a_ledger_that_is_gone_is_not_begun_anew_by_who_uses_it() -> None:
    table = table_with(Change(facts=(facts(),)))
    running = process(table)
    table.items.clear()
    for use in (running.frame, lambda: running.apply(WHOLE)):
        with pytest.raises(NoLedger, match="holds no ledger any more: restore it"):
            use()
    with pytest.raises(NoLedger, match="holds no ledger any more"), running.lease("a", NO_WAIT):
        pass
    assert table.items == {}


@pytest.mark.parametrize("damage", [{"body": {"B": b"x"}}, {"parts": {"N": "2"}}, {"parts": {"N": "0"}}])
def test_a_damaged_page_is_told_without_its_content(damage: Mapping[str, Any]) -> None:
    table = table_with(Change(facts=(facts(),)))
    key = (f"account/{ACCOUNT}", "facts")
    table.items[key] = {**table.items[key], **damage}
    with pytest.raises(LedgerError, match="damaged: restore the table from its backup") as raised:
        process(table).view()
    assert KEY_ID not in str(raised.value)


# --- limits ----------------------------------------------------------------------------------------


SIZES = [0, 1, INLINE - 200, INLINE, INLINE + 200, 299_000, 301_000, 349_000, 1_000_000]


@pytest.mark.parametrize("size", SIZES)
def test_a_picture_of_any_size_comes_back(size: int) -> None:
    """The fake refuses items that DynamoDB would refuse."""
    table, noise = FakeDynamodb(), random.Random(size)
    body, other = noise.randbytes(size), noise.randbytes(size // 3)
    ledger = process(table)
    assert ledger.picture() is None
    for one in (body, other, body):
        ledger.keep_picture(one)
        assert process(table).picture() == one


def test_what_is_written_many_times_does_not_grow() -> None:
    table = FakeDynamodb(page=100)
    ledger = process(table)
    for number in range(40):
        ledger.apply(Change(facts=(facts(user=f"user-{number}"),)))
        ledger.keep_picture(random.Random(number).randbytes(100_000))
    assert len(table.items) <= 7
    assert len(table.items[HEAD]["recent"]["L"]) == 32


# --- what it asks of AWS ---------------------------------------------------------------------------


def test_the_hub_is_granted_exactly_what_is_called() -> None:
    used: set[str] = set()
    for story in (STORIES["small"](), STORIES["large"]()):
        table = story.table()
        ledger = process(table)
        story.tell(ledger)
        everything(ledger)
        with ledger.lease("b", NO_WAIT):
            used |= {f"dynamodb:{action_of(operation)}" for operation in table.requests}
    assert used == set(LEDGER_ACTIONS)


@dataclass
class Denying:
    """The table, for a role that lacks one permission."""

    table: FakeDynamodb
    action: str

    def call(self, operation: str, **params: object) -> Mapping[str, Any]:
        if f"dynamodb:{action_of(operation)}" == self.action:
            raise translate(client_error("AccessDeniedException"), action_of(operation), ADDRESS)
        return self.table.call(operation, **params)


@pytest.mark.parametrize("action", LEDGER_ACTIONS)
def test_without_any_single_permission_it_is_said_which_and_whose(
    action: str, caplog: pytest.LogCaptureFixture
) -> None:
    story = STORIES["large"]()
    told = ""
    try:
        ledger = process(Denying(story.table(), action))
        everything(ledger)
        story.tell(ledger)
    except LedgerError as error:
        told = str(error)
    logged = [str(getattr(record, "fields", {}).get("reason")) for record in caplog.records]
    says = (
        f"the ledger (the table ledger) is denied to the hub: grant it {action} (`keysteward iam-policy hub`)"
    )
    assert says in (told, *logged)
    assert told or action == "dynamodb:BatchWriteItem", "what only clears up must not hold up a run"


def client_error(code: str, message: str = "User: arn:… is not authorized") -> sdk.ClientError:
    return sdk.ClientError({"Error": {"Code": code, "Message": message}}, "GetItem")


REQUEST: dict[str, Any] = {"endpoint_url": "https://dynamodb.eu-central-1.amazonaws.com", "error": "x"}


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (client_error("ProvisionedThroughputExceededException"), "is throttled: use on-demand capacity"),
        (client_error("ThrottlingException"), "is throttled"),
        (client_error("RequestLimitExceeded"), "is throttled"),
        (
            client_error("InternalServerError", "try again"),
            "can't be used: GetItem: InternalServerError: try",
        ),
        (client_error("ExpiredTokenException"), "does not accept the AWS credentials"),
        (client_error("ValidationException", "The provided key element does not match"), "has other keys"),
        (client_error("Odd", f"about {KEY_ID}"), "can't be used: GetItem: Odd: about …"),
        (sdk.ReadTimeoutError(**REQUEST), "gave no clear answer (ReadTimeoutError)"),
        (sdk.ConnectionClosedError(**REQUEST), "gave no clear answer (ConnectionClosedError)"),
        (sdk.EndpointConnectionError(**REQUEST), "can't be reached: see the region, the network"),
        (sdk.NoCredentialsError(), "no usable AWS credentials"),
        (sdk.NoRegionError(), "names no region: add ?region="),
        (KeyError("x"), "gave no clear answer (KeyError)"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
def test_what_aws_says_is_put_into_words(error: Exception, says: str) -> None:
    told = translate(error, "GetItem", Address("ledger", "eu-central-1"))
    assert isinstance(told, LedgerError)
    assert says in str(told)
    assert KEY_ID not in str(told)


def test_a_condition_that_does_not_hold_is_no_fault() -> None:
    assert isinstance(translate(client_error("ConditionalCheckFailedException"), "PutItem", ADDRESS), Refused)


def test_a_missing_table_says_how_to_make_it() -> None:
    told = translate(client_error("ResourceNotFoundException"), "GetItem", Address("keys", "eu-west-1"))
    assert isinstance(told, NoLedger)
    assert str(told) == (
        "there is no ledger in the table keys in eu-west-1: make it with `keysteward ledger migrate`, "
        "or mend the URL"
    )


# --- making the table ------------------------------------------------------------------------------


@dataclass
class Maker:
    """The API of tables: one that is in the making for a while. ``denied`` names an operation."""

    denied: str = ""
    keys: Mapping[str, str] = field(default_factory=lambda: {"pk": "HASH", "sk": "RANGE"})
    there: bool = False
    expires: bool = False
    looks: int = 0
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def call(self, operation: str, **params: object) -> Mapping[str, Any]:
        self.calls.append((operation, params))
        if operation == self.denied:
            raise translate(client_error("AccessDeniedException"), action_of(operation), ADDRESS)
        answer: Mapping[str, Any] = getattr(self, f"_{operation}")()
        return answer

    def _describe_table(self) -> Mapping[str, Any]:
        if not self.there:
            raise translate(client_error("ResourceNotFoundException"), "DescribeTable", ADDRESS)
        self.looks += 1
        schema = [{"AttributeName": name, "KeyType": kind} for name, kind in self.keys.items()]
        return {"Table": {"TableStatus": "ACTIVE" if self.looks > 3 else "CREATING", "KeySchema": schema}}

    def _create_table(self) -> Mapping[str, Any]:
        self.there = True
        return {}

    def _update_continuous_backups(self) -> Mapping[str, Any]:
        if self.looks < 6:
            self.looks += 1
            raise translate(client_error("ContinuousBackupsUnavailableException"), "x", ADDRESS)
        return {}

    def _describe_time_to_live(self) -> Mapping[str, Any]:
        return {"TimeToLiveDescription": {"TimeToLiveStatus": "ENABLED" if self.expires else "DISABLED"}}

    def _update_time_to_live(self) -> Mapping[str, Any]:
        self.expires = True
        return {}


def make(maker: Maker) -> None:
    TableMaker(maker, ADDRESS, sleep=lambda seconds: None).make()


def test_a_table_is_made_on_demand_protected_backed_up_and_with_an_end_for_old_audit() -> None:
    maker = Maker()
    make(maker)
    asked = dict(maker.calls)
    assert asked["create_table"]["BillingMode"] == "PAY_PER_REQUEST"
    assert asked["create_table"]["DeletionProtectionEnabled"] is True
    assert asked["update_continuous_backups"]["PointInTimeRecoverySpecification"] == {
        "PointInTimeRecoveryEnabled": True
    }
    assert asked["update_time_to_live"]["TimeToLiveSpecification"] == {
        "Enabled": True,
        "AttributeName": "expires_at",
    }


def test_a_table_that_is_there_is_only_completed() -> None:
    maker = Maker(there=True, expires=True)
    make(maker)
    assert not {"create_table", "update_time_to_live"} & {operation for operation, _ in maker.calls}


def test_another_table_of_that_name_is_left_alone() -> None:
    maker = Maker(there=True, keys={"id": "HASH"})
    with pytest.raises(LedgerError, match="is there already and is none of ours: name another one"):
        make(maker)
    assert {operation for operation, _ in maker.calls} == {"describe_table"}


@pytest.mark.parametrize("action", MAKING_ACTIONS)
def test_who_may_not_make_a_table_is_told_what_it_takes(action: str) -> None:
    operation = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", action.removeprefix("dynamodb:")).lower()
    with pytest.raises(LedgerError, match=f"may not be made by these credentials: grant them {action}$"):
        make(Maker(denied=operation))
