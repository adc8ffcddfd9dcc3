"""What a way to send mail is."""

from email.message import EmailMessage
from typing import Protocol


class Transport(Protocol):
    """Raises as `Sink.send`. Taken means: the server has it. A bounce that comes later is not seen."""

    def check(self, address: str) -> tuple[str, ...]:
        """Raises `RecipientLeft` when mail to ``address`` is known to come back; returns remarks."""

    def deliver(self, mail: EmailMessage) -> None:
        """Sends ``mail`` to everybody in its To."""

    def close(self) -> None:
        """Hangs up."""
