"""Scanning one account: its credential report, and live reads of the users it can't answer for."""

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

from app.errors import KeystewardError
from app.inventory.api import Api, Deadline
from app.inventory.faults import Denied, NotReady
from app.inventory.interface import AccountMemory, Need, Scanned
from app.inventory.look import far_credentials, must_read_live
from app.inventory.report import Report, Row, parse_report
from app.inventory.sessions import Sessions
from app.inventory.users import UserReader, remember
from app.inventory.watch import utc
from app.model import Account, Credential, Inventory, RememberedUser, ScanFailure, redact

REPORT_WAIT = timedelta(seconds=60)  # AWS usually needs seconds; then the account is read live
POLL_SECONDS = (1.0, 5.0)
REPORT_MAX_AGE = timedelta(hours=24)
USERS_AT_ONCE = 4


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
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class IamScanner:
    """`AccountScanner` over IAM."""

    sessions: Sessions

    def scan(self, account: Account, need: Need, memory: AccountMemory, now: datetime) -> Scanned:
        try:
            return self._scan(account, need, memory, now)
        except Exception as error:
            return Scanned(failure(account, now, error))

    def _scan(self, account: Account, need: Need, memory: AccountMemory, now: datetime) -> Scanned:
        api = self.sessions.reading(account)
        listing = self._listing(api, need, now)
        near, far = _divide(account.id, listing.subjects, need, memory, now)
        reader = UserReader(api, account.id, need, now)
        live = _read_all(reader, _with_the_gone(near, listing, memory), memory)
        self.sessions.pace.check()  # what was cut short by SIGTERM is not an inventory
        users = tuple(remember(account.id, user, keys, now) for user, keys in live.items())
        found = [key for keys in live.values() for key in keys]
        found += [key for s in far for key in _far(account.id, s, memory.users, now)]
        inventory = Inventory(
            account, now, tuple(found), frozenset(live), listing.root_keys, listing.warnings
        )
        return Scanned(inventory, users)

    def _listing(self, api: Api, need: Need, now: datetime) -> Listing:
        if need.live:
            return list_live(api)
        deadline = Deadline(REPORT_WAIT, self.sessions.pace.monotonic)
        fetched = fetch_report(api, deadline, lambda: self.sessions.pace.wait(*POLL_SECONDS))
        if fetched is None:
            return list_live(api, "the credential report was not ready in time: users were read one by one")
        report, made_at = fetched
        if now - made_at > REPORT_MAX_AGE:
            return list_live(
                api, f"the credential report is of {made_at:%Y-%m-%d}: users were read one by one"
            )
        return Listing(tuple(Subject(r.user, r.path, r) for r in report.rows.values()), report.root_keys)


def failure(account: Account, now: datetime, error: Exception) -> ScanFailure:
    """``blocked`` when a permission is missing: asking again at the next scan won't help by itself."""
    known = isinstance(error, KeystewardError)
    reason = str(error) if known else f"{type(error).__name__}: {error}"
    return ScanFailure(account, now, redact(reason), blocked=isinstance(error, Denied))


def fetch_report(api: Api, deadline: Deadline, pause: Callable[[], None]) -> tuple[Report, datetime] | None:
    """The report and when it was made; None when it is not ready in time. AWS makes one at most every
    four hours and blocked a tool that polled without sleeping."""
    generate = True
    while True:
        try:
            ready = not generate or api.call("generate_credential_report").get("State") == "COMPLETE"
            generate = False
            if ready:
                answer = api.call("get_credential_report")
                return parse_report(answer["Content"]), utc(answer["GeneratedTime"])
        except NotReady as wait:
            generate = wait.code != "ReportInProgress"
        if deadline.over:
            return None
        pause()


def list_live(api: Api, warning: str = "") -> Listing:
    users = api.pages("list_users", "Users")
    subjects = tuple(Subject(user["UserName"], user["Path"], None) for user in users)
    root_keys, doubt = _root_keys(api)
    return Listing(subjects, root_keys, tuple(filter(None, (warning, doubt))))


def _root_keys(api: Api) -> tuple[int, str]:
    try:
        return int(api.call("get_account_summary")["SummaryMap"]["AccountAccessKeysPresent"]), ""
    except KeystewardError as error:
        return 0, f"root access keys are unknown: {error}"
    except KeyError:
        return 0, "root access keys are unknown: iam:GetAccountSummary did not name them"


def _divide(
    account_id: str, subjects: Iterable[Subject], need: Need, memory: AccountMemory, now: datetime
) -> tuple[list[Subject], list[Subject]]:
    near: list[Subject] = []
    far: list[Subject] = []
    for it in subjects:
        is_open, known = it.user in memory.open_users, memory.users.get(it.user)
        live = it.row is None or must_read_live(account_id, it.row, known, is_open, need, now)
        (near if live else far).append(it)
    return near, far


def _with_the_gone(near: list[Subject], listing: Listing, memory: AccountMemory) -> list[Subject]:
    """Users with findings whom the listing doesn't name: only a live read proves that they are gone."""
    listed = {subject.user for subject in listing.subjects}
    return near + [Subject(user, "/", None) for user in sorted(memory.open_users - listed)]


def _read_all(
    reader: UserReader, subjects: list[Subject], memory: AccountMemory
) -> Mapping[str, list[Credential]]:
    def read(it: Subject) -> list[Credential]:
        return reader.read(it.user, it.path, it.row, it.user in memory.open_users)

    if len(subjects) <= USERS_AT_ONCE:
        return {it.user: read(it) for it in subjects}
    with ThreadPoolExecutor(USERS_AT_ONCE, thread_name_prefix="user") as pool:
        futures = {it.user: pool.submit(read, it) for it in subjects}
        try:
            return {user: future.result() for user, future in futures.items()}
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _far(
    account_id: str, it: Subject, users: Mapping[str, RememberedUser], now: datetime
) -> list[Credential]:
    return far_credentials(account_id, it.row, users.get(it.user), now) if it.row else []
