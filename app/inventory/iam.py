"""Scanning one account: its credential report, and live reads of the users it can't answer for."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import chain

from app.errors import KeystewardError, Transient
from app.inventory.api import Api
from app.inventory.crew import Crew
from app.inventory.faults import Denied, NotReady
from app.inventory.interface import AccountMemory, Fetched, Need, NotYet, Scanned
from app.inventory.look import answer, is_near, row_is_near
from app.inventory.quarantine import quarantined
from app.inventory.report import Row, parse_report
from app.inventory.sessions import Sessions
from app.inventory.traits import USERS_A_PAGE, Traits, pays, traits_of_all
from app.inventory.users import UserReader, remember
from app.inventory.watch import utc
from app.model import Account, Credential, Inventory, RememberedUser, ScanFailure, redact

# Seconds before each fetch. A report usually takes AWS seconds: after a minute the account is read live.
WAITS = (0.6, 0.9, 1.5, 3.0, *(5.0 for _ in range(11)))
ASK_AGAIN = 4  # every so many fetches in vain
REPORT_MAX_AGE = timedelta(hours=24)
TRAITS_KEPT = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Subject:
    """One user to look at. ``row`` None: no fresh report speaks of him."""

    user: str
    path: str
    row: Row | None


@dataclass(frozen=True, slots=True)
class Listing:
    """Every user of the account, from the report or from IAM itself."""

    subjects: tuple[Subject, ...]
    root_keys: int
    root_keys_known: bool
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class IamScanner:
    """`AccountScanner` over IAM."""

    sessions: Sessions

    def ask(self, account: Account, need: Need, now: datetime) -> NotYet | ScanFailure | None:
        if need.live:
            return None
        try:
            answer = self.sessions.reading(account).call("generate_credential_report")
        except Denied as error:
            return failure(account, now, error)
        except Exception:
            return None  # whatever it was, fetching meets it again
        return None if answer.get("State") == "COMPLETE" else NotYet(WAITS[0])

    def fetch(
        self, account: Account, need: Need, tries: int, now: datetime
    ) -> Fetched | NotYet | ScanFailure | None:
        if need.live:
            return None
        try:
            return self._fetch(self.sessions.reading(account), tries)
        except Exception as error:
            return failure(account, now, error)

    def _fetch(self, api: Api, tries: int) -> Fetched | NotYet | None:
        try:
            answer = api.call("get_credential_report")
            return Fetched(answer["Content"], utc(answer["GeneratedTime"]))
        except NotReady as wait:
            lost = wait.code != "ReportInProgress"
        if tries + 1 >= len(WAITS):
            return None
        if lost or tries % ASK_AGAIN == ASK_AGAIN - 1:
            _generate(api)
        return NotYet(self.sessions.pace.between(0.75, 1.25) * WAITS[tries + 1])

    def scan(
        self, account: Account, fetched: Fetched | None, need: Need, memory: AccountMemory, now: datetime
    ) -> Scanned:
        sessions = self.sessions
        visit = Visit(sessions.reading(account), sessions.crew, account, need, memory, now)
        try:
            scanned = visit.scan(fetched)
            sessions.pace.check()  # what was cut short by SIGTERM is not an inventory
        except Exception as error:
            return Scanned(failure(account, now, error), tuple(visit.learnt.values()))
        return scanned


def failure(account: Account, now: datetime, error: Exception) -> ScanFailure:
    """``blocked`` when a permission is missing: asking again at the next scan won't help by itself."""
    known = isinstance(error, KeystewardError)
    reason = str(error) if known else f"{type(error).__name__}: {error}"
    blocked, passing = isinstance(error, Denied), isinstance(error, Transient)
    return ScanFailure(account, now, redact(reason), blocked=blocked, passing=passing)


def _generate(api: Api) -> None:
    """AWS makes one at most every four hours, however often it is asked."""
    try:
        api.call("generate_credential_report")
    except NotReady:
        return


class Visit:
    """One account, scanned once. ``learnt``: what is to be remembered, also when the scan fails half-way."""

    def __init__(
        self, api: Api, crew: Crew, account: Account, need: Need, memory: AccountMemory, now: datetime
    ) -> None:
        self._api, self._crew, self._account, self._need = api, crew, account, need
        self._memory, self._now = memory, now
        self._traits: Mapping[str, Traits] = {}
        self._traits_at = None if memory.traits_at else now  # what a first scan remembers is no older
        self._answers: dict[str, list[Credential] | None] = {}
        self._doubt = ""  # why tags and groups could not be asked for at once
        self.learnt: dict[str, RememberedUser] = {}

    def scan(self, fetched: Fetched | None) -> Scanned:
        listing = self._listing(fetched)
        self._answers = {it.user: self._answer(it) for it in listing.subjects}
        self._refresh_traits(listing)
        live = self._read([*self._unanswered(listing), *self._gone(listing)])
        inventory = self._inventory(listing, live)
        stirred = set(self._memory.stirs(inventory)) - live.keys()
        if stirred:
            self._read_traits(listing, len(stirred))
            live |= self._read([it for it in listing.subjects if it.user in stirred])
            inventory = self._inventory(listing, live)
        inventory = self._with_exposed(inventory)
        return Scanned(inventory, tuple(self.learnt.values()), self._traits_at)

    # --- who is there, and what the report tells of them ---

    def _listing(self, fetched: Fetched | None) -> Listing:
        if fetched is None:
            slow = "the credential report was not ready in time: users were read one by one"
            return list_live(self._api, "" if self._need.live else slow)
        if self._now - fetched.made_at > REPORT_MAX_AGE:
            old = f"the credential report is of {fetched.made_at:%Y-%m-%d}: users were read one by one"
            return list_live(self._api, old)
        report = parse_report(fetched.content)
        subjects = tuple(Subject(r.user, r.path, r) for r in report.rows.values())
        if report.has_root:
            return Listing(subjects, report.root_keys, True)
        root_keys, doubt = _root_keys(self._api)
        return Listing(subjects, root_keys, not doubt, (doubt,) if doubt else ())

    def _answer(self, it: Subject) -> list[Credential] | None:
        if it.row is None:
            return None
        return answer(self._account.id, it.row, self._memory, self._need, self._now)

    def _unanswered(self, listing: Listing) -> Iterator[Subject]:
        return (it for it in listing.subjects if self._answers[it.user] is None)

    def _gone(self, listing: Listing) -> Iterator[Subject]:
        """Users whom the listing doesn't name any more: only a live read proves that they are gone."""
        listed = {it.user for it in listing.subjects}
        known = {*self._memory.open_users, *self._memory.judged_users}
        return (Subject(user, "/", None) for user in sorted(known - listed))

    def _inventory(self, listing: Listing, live: Mapping[str, list[Credential]]) -> Inventory:
        far = (keys for user, keys in self._answers.items() if keys is not None and user not in live)
        found = tuple(chain.from_iterable((*live.values(), *far)))
        users, warnings = frozenset(live), (*listing.warnings, *filter(None, [self._doubt]))
        root_keys, known = listing.root_keys, listing.root_keys_known
        return Inventory(self._account, self._now, found, users, root_keys, known, warnings)

    def _with_exposed(self, inventory: Inventory) -> Inventory:
        if self._memory.report:  # it is gone on with: that was asked for a moment ago
            return replace(inventory, exposed_users=None)
        users, doubt = quarantined(self._api)
        warnings = (*inventory.warnings, *filter(None, [doubt]))
        return replace(inventory, exposed_users=users, warnings=warnings)

    # --- tags and groups ---

    def _refresh_traits(self, listing: Listing) -> None:
        """Reads everybody's at once when somebody near a stage is read live, and once a day."""
        kept = [user for user, known in self._memory.users.items() if known.tags is not None]
        at = self._memory.traits_at
        due = bool(kept) and (at is None or self._now - at >= TRAITS_KEPT)
        needed = sum(map(self._is_near, self._unanswered(listing))) + (len(kept) if due else 0)
        if self._read_traits(listing, needed) or due:
            self._traits_at = self._now
            self._renew(listing, kept)

    def _read_traits(self, listing: Listing, needed: int) -> bool:
        """Everybody's, when that is the cheaper way to those that are ``needed``, and permitted."""
        if self._traits or self._doubt or not pays(needed, len(listing.subjects)):
            return False
        try:
            self._traits = traits_of_all(self._api)
        except Denied as error:
            self._doubt = f"tags and groups are read user by user, with more calls: {error}"
            return False
        return True

    def _is_near(self, it: Subject) -> bool:
        known = self._memory.users.get(it.user)
        return (
            it.row is None
            or it.user in self._memory.open_users
            or row_is_near(it.row, self._need, self._now)
            or (known is not None and is_near(known, self._need, self._now))
        )

    def _renew(self, listing: Listing, kept: Collection[str]) -> None:
        """Remembers tags and groups that have changed; whose could not be read is read live."""
        users = dict(self._memory.users)
        for user in kept:
            known, new = users[user], self._traits.get(user, Traits())
            if (known.tags, known.groups) != (new.tags, new.groups):
                users[user] = self.learnt[user] = replace(known, tags=new.tags, groups=new.groups)
        self._memory = replace(self._memory, users=users)
        self._answers.update((it.user, self._answer(it)) for it in listing.subjects if it.user in self.learnt)

    # --- live ---

    def _read(self, subjects: Sequence[Subject]) -> dict[str, list[Credential]]:
        """Many at once, as the account's tempo allows. Raises what the first that failed did."""
        if not subjects:
            return {}
        api, account_id = self._api.yielding(), self._account.id
        reader = UserReader(api, account_id, self._need, self._now, self._traits)

        def read(it: Subject) -> list[Credential]:
            keys = reader.read(it.user, it.path, it.row, it.user in self._memory.open_users)
            self.learnt[it.user] = remember(account_id, it.user, keys, self._now, it.row)
            return keys

        found, error = self._crew.each(subjects, read, api)
        if error:
            raise error
        return {it.user: keys for it, keys in found.items()}


def list_live(api: Api, warning: str = "") -> Listing:
    users = api.pages("list_users", "Users", MaxItems=USERS_A_PAGE)
    subjects = tuple(Subject(user["UserName"], user["Path"], None) for user in users)
    root_keys, doubt = _root_keys(api)
    return Listing(subjects, root_keys, not doubt, tuple(filter(None, (warning, doubt))))


def _root_keys(api: Api) -> tuple[int, str]:
    try:
        return int(api.call("get_account_summary")["SummaryMap"]["AccountAccessKeysPresent"]), ""
    except KeystewardError as error:
        return 0, f"root access keys are unknown: {error}"
    except KeyError:
        return 0, "root access keys are unknown: iam:GetAccountSummary did not name them"
