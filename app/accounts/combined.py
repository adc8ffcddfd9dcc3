"""The organization's accounts together with those written by hand."""

from dataclasses import dataclass, replace

from app.accounts.interface import AccountList, AccountSource
from app.model import Account


@dataclass(frozen=True)
class CombinedAccounts:
    """`AccountSource`: ``by_hand`` wins by id, keeping what only the organization knows (OUs, tags)."""

    organization: AccountSource
    by_hand: tuple[Account, ...]

    def list(self) -> AccountList:
        listed = self.organization.list()
        accounts = {account.id: account for account in listed.accounts}
        for mine in self.by_hand:
            theirs = accounts.get(mine.id, mine)
            accounts[mine.id] = replace(
                mine,
                name=mine.name or theirs.name,
                email=theirs.email,
                ou_ids=theirs.ou_ids,
                ou_path=theirs.ou_path,
                tags=theirs.tags,
            )
        return replace(listed, accounts=tuple(accounts.values()))
