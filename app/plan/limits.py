"""The ceilings that a finished plan must pass (the config's `guards`)."""

from dataclasses import dataclass, field

from app.plan.freeze import FreezeWindow


@dataclass(frozen=True, slots=True)
class Brake:
    """A plan past this, before pacing, holds *every* destructive act until it is approved."""

    deactivations: int = 50
    share: float = 0.05  # of the fleet's Active keys


@dataclass(frozen=True, slots=True)
class Limits:
    """``share_of_account`` is a fraction of the account's Active keys, at least one key."""

    deactivations_per_run: int = 10
    share_of_account: float = 0.25
    notices_per_run: int = 500
    brake: Brake = field(default_factory=Brake)
    freeze: tuple[FreezeWindow, ...] = ()
