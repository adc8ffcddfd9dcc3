"""The account whose credentials the service itself runs with."""

from collections.abc import Callable
from dataclasses import dataclass

from app.accounts.interface import AccountList
from app.model import Account


@dataclass(frozen=True)
class CurrentAccount:
    """`AccountSource` of one account, read with the hub's own credentials: `scan` without a config.

    ``whoami`` gives (account id, partition) and raises `Transient` or `Permanent`.
    """

    whoami: Callable[[], tuple[str, str]]

    def list(self) -> AccountList:
        account_id, partition = self.whoami()
        return AccountList((Account(id=account_id, partition=partition),))
