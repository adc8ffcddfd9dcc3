"""The ceilings that a finished plan must pass (the config's `guards`)."""

from dataclasses import dataclass, field
from datetime import timedelta

from app.plan.freeze import FreezeWindow


@dataclass(frozen=True, slots=True)
class Brake:
    """A plan past this, before pacing, holds *every* destructive act until it is approved."""

    deactivations: int = 50
    share: float = 0.05  # of the fleet's Active keys


@dataclass(frozen=True, slots=True)
class Canary:
    """Under a new config, destructive acts happen in these accounts first; the rest waits for ``quiet``."""

    accounts: tuple[str, ...] = ()  # ids, or globs over names and aliases; empty: no account goes first
    quiet: timedelta = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Limits:
    """``share_of_account`` is a fraction of the account's Active keys, at least one key."""

    deactivations_per_run: int = 10
    share_of_account: float = 0.25
    notices_per_run: int = 500
    brake: Brake = field(default_factory=Brake)
    freeze: tuple[FreezeWindow, ...] = ()
    canary: Canary = field(default_factory=Canary)
