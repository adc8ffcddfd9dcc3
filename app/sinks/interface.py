"""What a sink is. `SinkContract` (`app/sinks/contract.py`) holds every implementation to it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol, runtime_checkable

from app.plan.notice import Notice
from app.plan.summary import RunSummary

# What one message or ticket is about: one finding, all of an owner's in a run, or all of an account's.
Grouping = Literal["finding", "owner", "account"]


@dataclass(frozen=True, slots=True)
class Message:
    """What one recipient gets from one run: one notice, or a digest of many, worst first.

    ``id`` lasts over retries of the same attempt. ``maybe_sent``: an earlier attempt may have
    arrived, so look for it before sending again, where the service allows looking.
    """

    id: str
    recipient: str  # an e-mail address, or "#channel"
    notices: tuple[Notice, ...]
    now: datetime
    is_fallback: bool = False
    maybe_sent: bool = False


@dataclass(frozen=True, slots=True)
class Receipt:
    """Proof that a message arrived. ``refs`` is kept on each finding under the sink's name.

    ``counts``: a person was told (Slack, mail, an *assigned* ticket), so `require` may count it.
    ``remarks`` are what an operator should mend although it arrived, one sentence each. ``at``: when it
    arrived; None: just now. What an earlier attempt had left, and was found, is no newer notice.
    """

    recipient: str  # whom it really reached
    counts: bool
    refs: Mapping[str, str] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    at: datetime | None = None


@runtime_checkable
class Closing(Protocol):
    """A sink that holds connections."""

    def close(self) -> None:
        """Hangs up: its config is no longer in force. A message under way may connect once more."""


class Sink(Protocol):
    """Delivers notices. One failure stays with its message.

    Raises `Transient` (retry later; `retry_after` when told), `Ambiguous` (may have arrived),
    `RecipientLeft` (ask the next owner), `RecipientUnreachable` (tell the fallback) or `Permanent`.
    Never logs or raises a secret or a full key id. Delivered means confirmed by the other side: an
    HTTP 200 with ``ok: false`` is a failure.
    """

    name: str  # its name in the config
    grouping: Grouping  # what one message carries
    tickets: bool  # it keeps something open that `resolve` closes: a ticket, if its refs have a "key"
    insists: bool  # a ticket closed by hand is reopened each time; else it is remarked upon once an episode

    @property
    def fallback(self) -> str | None:
        """A recipient of this sink's own for owners it can't reach (Slack: its channel)."""

    def send(self, message: Message) -> Receipt: ...

    def resolve(self, notice: Notice, now: datetime) -> Receipt | None:
        """Closes what `send` opened for this finding; None when there is nothing to close.

        It is called only where something was, or may have been, sent: a sink that can't look tells the end
        anyway. While ``notice.siblings`` other findings share the ticket it only says so there.
        """

    def closed(self, now: datetime) -> frozenset[str]:
        """Keys of tickets that are closed now, among those changed in the last 30 days."""

    def report(self, summary: RunSummary) -> bool:
        """Tells the team or the admins of one run. False: nobody asked for that, so nobody was told.

        Raises as `send`. Whoever returns has taken ``summary.alerts``: they are not handed over again.
        """
