"""Who held the lease from when to when, as an outsider saw it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Taken:
    """Somebody took the lease; ``holder`` is "place.life". Empty: it was given back."""

    at: float  # `time.time`
    holder: str
