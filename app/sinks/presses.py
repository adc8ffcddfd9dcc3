"""What comes back from people: a press of a button in a message, and the answer to it."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, runtime_checkable


class Button(StrEnum):
    """What a press asks for. The words are part of messages that stand in channels: they never change."""

    ROTATED = "rotated"  # "I rotated it": read the key now
    SNOOZE = "snooze"
    NOT_MINE = "not_mine"
    RESTORE = "restore"


@dataclass(frozen=True, slots=True)
class Presser:
    """Who pressed, as the chat itself vouches for it, never as the message claims."""

    id: str  # "slack:U0123456"
    email: str  # verified by the workspace; empty: not known

    @property
    def name(self) -> str:
        """For the audit trail."""
        return f"{self.email or 'unknown'} ({self.id})"


@dataclass(frozen=True, slots=True)
class Press:
    """``finding_id`` and ``episode`` come out of the message: they name a subject and prove nothing."""

    button: Button
    finding_id: str
    episode: int
    presser: Presser
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the presser reads. ``done``: something changed, which others in the channel may see too."""

    text: str
    done: bool = False


Handler = Callable[[Press], Answer]


class Listening(Protocol):
    """A sink that is listening for presses."""

    def close(self) -> None: ...


@runtime_checkable
class Listener(Protocol):
    """A sink that people can answer."""

    def listen(self, handler: Handler) -> Listening | None:
        """Hears presses from now on, in threads of its own; None where it isn't set up for that.

        ``handler`` may be called from several threads and never raises.
        """
