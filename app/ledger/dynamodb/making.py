"""Makes the table: only when it is asked for, by somebody who may; the service itself never does.

A table that is there is completed, so that it can be asked for again after a failure half-way.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from app.errors import LedgerError, NoLedger
from app.ledger.dynamodb.address import Address
from app.ledger.dynamodb.faults import DENIALS, Fault
from app.ledger.dynamodb.ledger import address_of
from app.ledger.dynamodb.wire import SdkWire, Wire, action_of

KEYS = {"pk": "HASH", "sk": "RANGE"}
POLL, PATIENCE = 1.0, 120.0  # seconds
MAKING_ACTIONS = (
    "dynamodb:CreateTable",
    "dynamodb:DescribeTable",
    "dynamodb:DescribeTimeToLive",
    "dynamodb:UpdateContinuousBackups",
    "dynamodb:UpdateTimeToLive",
)
NOT_YET = "ContinuousBackupsUnavailableException"  # for a while after a table was made


def make_table(url: str) -> None:
    """Paid by request, protected from deletion, with point-in-time recovery, and with the old audit's end."""
    address = address_of(url)
    TableMaker(SdkWire(address), address).make()


@dataclass(frozen=True)
class TableMaker:
    wire: Wire
    address: Address
    sleep: Callable[[float], None] = time.sleep

    def make(self) -> None:
        if self._description() is None:
            self._create()
        self._until(self._is_active)
        self._check_keys()
        self._until(self._is_backed_up)
        self._let_old_audit_expire()

    def _create(self) -> None:
        self._call(
            "create_table",
            KeySchema=[{"AttributeName": name, "KeyType": kind} for name, kind in KEYS.items()],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in KEYS],
            BillingMode="PAY_PER_REQUEST",
            DeletionProtectionEnabled=True,
        )

    def _description(self) -> Any:
        try:
            return self._call("describe_table")["Table"]
        except NoLedger:
            return None

    def _is_active(self) -> bool:
        table = self._description()
        return table is not None and table["TableStatus"] == "ACTIVE"

    def _check_keys(self) -> None:
        found = {key["AttributeName"]: key["KeyType"] for key in self._description()["KeySchema"]}
        if found != KEYS:
            raise LedgerError(f"{self.address.where} is there already and is none of ours: name another one")

    def _is_backed_up(self) -> bool:
        wanted = {"PointInTimeRecoveryEnabled": True}
        try:
            self._call("update_continuous_backups", PointInTimeRecoverySpecification=wanted)
        except Fault as error:
            if error.code == NOT_YET:
                return False
            raise
        return True

    def _let_old_audit_expire(self) -> None:
        """What has no such attribute never does."""
        state = self._call("describe_time_to_live")["TimeToLiveDescription"].get("TimeToLiveStatus")
        if state not in ("ENABLED", "ENABLING"):
            wanted = {"Enabled": True, "AttributeName": "expires_at"}
            self._call("update_time_to_live", TimeToLiveSpecification=wanted)

    def _until(self, done: Callable[[], bool]) -> None:
        for _ in range(int(PATIENCE / POLL)):
            if done():
                return
            self.sleep(POLL)
        raise LedgerError(f"{self.address.where} is still being made: ask again in some minutes")

    def _call(self, operation: str, **params: object) -> Any:
        try:
            return self.wire.call(operation, TableName=self.address.table, **params)
        except Fault as error:
            if error.code not in DENIALS:
                raise
            lacking = f"dynamodb:{action_of(operation)}"
            raise LedgerError(
                f"{self.address.where} may not be made by these credentials: grant them {lacking}"
            ) from None
