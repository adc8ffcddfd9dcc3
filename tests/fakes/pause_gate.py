"""The question before each sending, answered by hand: `app.sinks.waits.Waits.before_sending`."""

from dataclasses import dataclass

from app.errors import PausedMeanwhile


@dataclass
class Gate:
    """``left``: so many requests may still leave; None: all."""

    left: int | None = None
    asked: int = 0

    def __call__(self) -> None:
        self.asked += 1
        if self.left is None:
            return
        if self.left == 0:
            raise PausedMeanwhile("paused by ann: an incident")
        self.left -= 1

    def pause(self, after: int = 0) -> None:
        self.left = after

    def resume(self) -> None:
        self.left = None
