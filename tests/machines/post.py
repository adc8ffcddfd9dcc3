"""The sinks of a town: a chat and a tracker that can be searched, and mail that can't.

Each fault is one word, the same for every sink: ``down`` and ``lost`` never arrive, ``unanswered`` does.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, TypeVar

from app.errors import Ambiguous, Permanent, RecipientLeft, RecipientUnreachable, Transient
from app.plan.notice import Notice
from app.plan.summary import RunSummary
from app.sinks.interface import Grouping, Message, Receipt
from tests.machines.witness import Disowned, Reported, Told, Witness

FAULTS = ("", "down", "lost", "unanswered", "refused", "unknown", "left", "broken")
T = TypeVar("T")


class Street(Protocol):
    """What a sink must know of its town."""

    witness: Witness
    run: int

    @property
    def now(self) -> datetime: ...
    def step(self, name: str, call: Callable[[], T]) -> T: ...
    def before_sending(self) -> None: ...
    def key_named(self, tail: str, user: str, account_id: str) -> str: ...
    def is_clock_wrong(self) -> bool: ...


@dataclass
class Ticket:
    is_open: bool = True
    comments: list[str] = field(default_factory=list)


@dataclass
class Sink:
    """``looks``: what may have arrived is found again by its message's id. ``fault``: one of `FAULTS`."""

    town: Street
    name: str
    grouping: Grouping = "owner"
    tickets: bool = False
    looks: bool = True
    insists: bool = True
    fallback: str | None = None
    fault: str = ""
    arrived: dict[tuple[str, str], None] = field(default_factory=dict)  # by message and finding
    issues: dict[str, Ticket] = field(default_factory=dict)  # by finding

    # --- what the service asks for ---

    def send(self, message: Message) -> Receipt:
        begun = self.town.witness.mark()
        return self.town.step(f"{self.name}.send", lambda: self._take(message, begun))

    def resolve(self, notice: Notice, now: datetime) -> Receipt | None:
        begun = self.town.witness.mark()
        return self.town.step(f"{self.name}.resolve", lambda: self._close(notice, begun))

    def closed(self, now: datetime) -> frozenset[str]:
        return self.town.step(f"{self.name}.closed", self._closed)

    def report(self, summary: RunSummary) -> bool:
        begun = self.town.witness.mark()
        self.town.step(f"{self.name}.report", lambda: self._hear(begun))
        return True

    # --- what happens there ---

    def _take(self, message: Message, begun: int) -> Receipt:
        self.town.before_sending()
        is_found = self.looks and message.maybe_sent
        left = [n for n in message.notices if not (is_found and (message.id, n.finding_id) in self.arrived)]
        if not left:
            return self._receipt(message)
        self._refuse(message.recipient)
        self.arrived.update(dict.fromkeys((message.id, notice.finding_id) for notice in left))
        self.town.witness.note(*(self._told(message, notice, begun) for notice in left))
        for notice in left if self.tickets else ():
            self._comment(notice)
        if self.fault == "unanswered":
            raise Ambiguous("timed out", findable=self.looks)
        return self._receipt(message)

    def _receipt(self, message: Message) -> Receipt:
        refs = {"key": f"SEC-{message.notices[0].finding_id}"} if self.tickets else {}
        return Receipt(message.recipient, True, refs)

    def _refuse(self, recipient: str) -> None:
        """Whatever is raised here, nothing has arrived."""
        to_person = "@" in recipient and not recipient.startswith("sec@")
        if self.fault == "left" and to_person:
            self.town.witness.note(Disowned(self.town.now, self.town.run, "", recipient))
            raise RecipientLeft("account_inactive")
        refusals: dict[str, Exception] = {
            "down": Transient("503"),
            "lost": Ambiguous("timed out", findable=self.looks),
            "refused": Permanent("invalid_blocks"),
            "broken": RuntimeError("a fault of the adapter"),
        }
        if self.fault == "unknown" and to_person:
            raise RecipientUnreachable("users_not_found")
        if self.fault in refusals:
            raise refusals[self.fault]

    def _comment(self, notice: Notice) -> None:
        """Found again by its finding, and reopened."""
        ticket = self.issues.setdefault(notice.finding_id, Ticket())
        ticket.is_open = True
        ticket.comments.append(f"{notice.kind} {notice.stage}/{notice.occurrence}")

    def _close(self, notice: Notice, begun: int) -> Receipt | None:
        self.town.before_sending()
        self._refuse("")
        ticket = self.issues.get(notice.finding_id)
        if ticket is None:
            return None
        if ticket.is_open:
            told = self._told(Message("", "", (notice,), self.town.now), notice, begun)
            self.town.witness.note(told)
        ticket.is_open = False
        if self.fault == "unanswered":
            raise Ambiguous("timed out", findable=self.looks)
        return Receipt("", False)

    def _closed(self) -> frozenset[str]:
        if self.fault in ("down", "lost", "unanswered", "broken"):
            raise Transient("503")
        return frozenset(f"SEC-{finding}" for finding, ticket in self.issues.items() if not ticket.is_open)

    def _hear(self, begun: int) -> None:
        self.town.before_sending()
        if self.fault in ("down", "lost"):
            raise Transient("503")
        self.town.witness.note(Reported(self.town.now, self.town.run, self.name, begun))

    def _told(self, message: Message, notice: Notice, begun: int) -> Told:
        return Told(
            at=self.town.now,
            run=self.town.run,
            sink=self.name,
            recipient=message.recipient,
            finding=notice.finding_id,
            episode=notice.episode,
            stage=notice.stage,
            occurrence=notice.occurrence,
            kind=notice.kind,
            act=notice.act or "",
            names=notice.act_at,
            key=self.town.key_named(notice.key_tail, notice.user, notice.account_id),
            account_id=notice.account_id,
            begun=begun,
            to_fallback=message.is_fallback,
            answered=self.fault != "unanswered",
            looks=self.looks,
            wrong_clock=self.town.is_clock_wrong(),
        )
