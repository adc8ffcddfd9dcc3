"""The only code that writes to AWS."""

from dataclasses import dataclass

from app.errors import Ambiguous
from app.inventory.sessions import Sessions
from app.model import ACTIVE, INACTIVE, Account


@dataclass(frozen=True)
class IamKeyActor:
    """`KeyActor` over IAM: one attempt each, done within 10 s; the caller re-reads and repeats."""

    sessions: Sessions

    def ready(self, account: Account) -> None:
        self.sessions.acting(account).sign_in()

    def deactivate(self, account: Account, user: str, key_id: str) -> None:
        self._set_status(account, user, key_id, INACTIVE)

    def activate(self, account: Account, user: str, key_id: str) -> None:
        self._set_status(account, user, key_id, ACTIVE)

    def delete(self, account: Account, user: str, key_id: str) -> None:
        self._write(account, "delete_access_key", UserName=user, AccessKeyId=key_id)

    def _set_status(self, account: Account, user: str, key_id: str, status: str) -> None:
        self._write(account, "update_access_key", UserName=user, AccessKeyId=key_id, Status=status)

    def _write(self, account: Account, operation: str, **params: str) -> None:
        """AWS's yes to a write is its request's id alone: a page of whoever stands in between has none."""
        answer = self.sessions.acting(account).once(operation, **params)
        if not answer.get("ResponseMetadata", {}).get("RequestId"):
            raise Ambiguous(f"iam {operation} in account {account.id}: no clear answer from AWS")
