"""Whether an answer is exact: compared with the truth key by key, account by account."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from app.ledger.interface import AccountRows, Ledger
from app.model import ACTIVE, AccountState
from bench.fleet import Fleet, account_id
from bench.truth import DUE, Due, due_in, hidden_in, states_in


@dataclass(frozen=True, slots=True)
class Verdict:
    """``hidden``: missing keys of users of whom the credential report shows nothing near a rung."""

    due: int
    missing: int = 0
    extra: int = 0
    hidden: int = 0

    def __add__(self, other: "Verdict") -> "Verdict":
        return Verdict(
            self.due + other.due,
            self.missing + other.missing,
            self.extra + other.extra,
            self.hidden + other.hidden,
        )

    @property
    def exact(self) -> bool:
        """Nothing that can be seen is missing, and nothing is named wrongly."""
        return not self.missing and not self.extra

    def __str__(self) -> str:
        if not self.exact:
            return f"of {self.due}: {self.missing + self.hidden} missing, {self.extra} wrong"
        return f"{self.due}, exact" + (f" but {self.hidden} hidden" if self.hidden else "")


def of_answers(
    fleet: Fleet, answers: Iterable[Due], wanted: Callable[[Fleet, int], Iterable[Due]]
) -> Verdict:
    """Of the keys that somebody names, against the ``wanted`` ones of each account."""
    found: dict[str, set[Due]] = {}
    for row in answers:
        found.setdefault(row.account, set()).add(row)
    return _sum(
        _of_account(set(wanted(fleet, n)), found.get(account_id(n), set()), hidden_in(fleet, n))
        for n in range(fleet.accounts)
    )


def of_file(fleet: Fleet, path: Path) -> Verdict:
    """Of the due keys that a script handed in."""
    rows = (Due(*line.split("\t")) for line in path.read_text().splitlines())
    return of_answers(fleet, rows, due_in)


def _of_account(wanted: set[Due], found: set[Due], hidden: frozenset[str]) -> Verdict:
    missing = wanted - found
    unseen = sum(row.user in hidden for row in missing)
    return Verdict(len(wanted), len(missing) - unseen, len(found - wanted), unseen)


def of_ledger(fleet: Fleet, ledger: Ledger) -> Verdict:
    """Of what Keysteward wrote down: each Active key's id and true creation, and each account's counts by
    state."""
    states = ledger.frame().accounts
    return _sum(
        _of_rows(fleet, number, ledger.account(account_id(number)), states.get(account_id(number)))
        for number in range(fleet.accounts)
    )


def _of_rows(fleet: Fleet, account: int, rows: AccountRows, state: AccountState | None) -> Verdict:
    known = {(f.user, f.key_id, f.created.timestamp()) for f in rows.facts.values() if f.status == ACTIVE}
    true = {(u.name, k.id, float(k.created)) for u in fleet.users_of(account) for k in u.keys if k.active}
    tails = {(user, key_id[-4:]) for user, key_id, _ in known & true}
    due = list(due_in(fleet, account))
    unread = hidden_in(fleet, account) - rows.users.keys()
    missing = sum((row.user, row.tail) not in tails and row.user not in unread for row in due)
    wanted = states_in(fleet, account)
    wanted.subtract(row.state for row in due if row.user in unread)
    short, over = _differences(wanted, state.counts if state else {})
    hidden = sum(row.user in unread for row in due)
    return Verdict(len(due), max(missing, short), max(len(known - true), over), hidden)


def _differences(wanted: Counter[str], found: Mapping[str, int]) -> tuple[int, int]:
    """By how many keys on the ladder the counts fall short, and by how many they go over."""
    by = [wanted[state] - found.get(state, 0) for state in DUE]
    return sum(n for n in by if n > 0), sum(-n for n in by if n < 0)


def _sum(verdicts: Iterable[Verdict]) -> Verdict:
    return sum(verdicts, Verdict(0))
