"""Where accounts come from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from app.model import Account


@dataclass(frozen=True, slots=True)
class AccountList:
    """Every selected account, complete, and how many were left out and why."""

    accounts: tuple[Account, ...]
    skipped: Mapping[str, int] = field(default_factory=dict)  # "suspended", "excluded", … -> number
    warnings: tuple[str, ...] = ()  # what is not known of them, and why


class AccountSource(Protocol):
    """Lists accounts. Complete or an error: never a half list, for absence means something.

    Raises `Transient` when trying later may help, `Permanent` when permission or config is missing.
    """

    def list(self) -> AccountList: ...
