"""The same adapters against moto's server: three accounts behind assumed roles."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import botocore.session
import pytest
from moto.iam.models import iam_backends
from moto.server import ThreadedMotoServer

from app.inventory.actor import IamKeyActor
from app.inventory.iam import IamScanner
from app.inventory.interface import AccountMemory, Need
from app.inventory.scan import Fleet
from app.inventory.sessions import Sessions
from app.inventory.users import IamLiveReader
from app.model import Account, Inventory, LastUsed, RoleRef
from tests.fakes.aws import point_sdk_at

NOW = datetime.now(UTC).replace(microsecond=0)
NEED = Need(near_age=timedelta(days=60))
IDS = ("111100000001", "111100000002", "111100000003")
ACCOUNTS = [Account(i, reader=RoleRef(f"arn:aws:iam::{i}:role/keysteward-spoke", "ext")) for i in IDS]


@pytest.fixture
def moto(monkeypatch: pytest.MonkeyPatch) -> Iterator[ThreadedMotoServer]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    point_sdk_at(f"http://{host}:{port}", monkeypatch)
    yield server
    iam_backends.reset()
    server.stop()


def admin(account_id: str) -> Any:
    session = botocore.session.Session()
    role = f"arn:aws:iam::{account_id}:role/admin"
    sts: Any = session.create_client("sts", region_name="us-east-1")
    given = sts.assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
    return session.create_client(
        "iam",
        region_name="us-east-1",
        aws_access_key_id=given["AccessKeyId"],
        aws_secret_access_key=given["SecretAccessKey"],
        aws_session_token=given["SessionToken"],
    )


def add_user(account_id: str, name: str, *ages: int) -> list[str]:
    iam = admin(account_id)
    iam.create_user(UserName=name, Path="/ops/", Tags=[{"Key": "owner", "Value": "a@example.com"}])
    ids = [iam.create_access_key(UserName=name)["AccessKey"]["AccessKeyId"] for _ in ages]
    stored = next(u for u in iam_backends[account_id]["aws"].users.values() if u.name == name)
    for key, age in zip(stored.access_keys, ages, strict=True):
        key.create_date = (NOW - timedelta(days=age)).replace(tzinfo=None)
    return ids


def test_three_accounts_are_read_whole_and_apart(moto: ThreadedMotoServer) -> None:
    expected = {}
    for account_id in IDS:
        expected[account_id] = set(add_user(account_id, "ann", 100, 5) + add_user(account_id, "bob", 70))
    fleet = Fleet(IamScanner(Sessions()))
    found = {}
    for one in fleet.scan(ACCOUNTS, NEED, lambda _: AccountMemory(), NOW):
        assert isinstance(one.scan, Inventory), one.scan
        assert one.scan.live_users == {"ann", "bob"}  # moto's report is of 2015
        found[one.scan.account.id] = {key.id for key in one.scan.credentials}
    assert found == expected


def test_a_key_goes_through_its_whole_life(moto: ThreadedMotoServer) -> None:
    (key_id,) = add_user(IDS[0], "ann", 100)
    sessions = Sessions()
    actor, reader = IamKeyActor(sessions), IamLiveReader(sessions)
    account = ACCOUNTS[0]

    def status() -> str | None:
        found = reader.read(account, "ann", key_id, NOW)
        return found.status if found else None

    assert status() == "Active"
    actor.deactivate(account, "ann", key_id)
    assert status() == "Inactive"
    actor.activate(account, "ann", key_id)
    assert status() == "Active"
    actor.delete(account, "ann", key_id)
    assert status() is None


def test_a_live_read_has_all_that_the_policy_asks_about(moto: ThreadedMotoServer) -> None:
    (key_id,) = add_user(IDS[1], "ann", 100)
    iam = admin(IDS[1])
    iam.create_group(GroupName="robots")
    iam.add_user_to_group(GroupName="robots", UserName="ann")
    found = IamLiveReader(Sessions()).read(ACCOUNTS[1], "ann", key_id, NOW)
    assert found is not None
    assert found.created == NOW - timedelta(days=100)
    assert (found.user_path, found.groups) == ("/ops/", ("robots",))
    assert found.tags == {"owner": "a@example.com"}
    assert found.last_used == LastUsed.never()
    assert found.live


def test_the_hub_knows_its_own_long_lived_key(moto: ThreadedMotoServer) -> None:
    identity = Sessions().identity()
    assert identity.partition == "aws"
    assert identity.key_id == "AKIAHUBHUBHUBHUBHUBH"
