"""The only errors that cross a layer: a vendor's exception stops at its adapter.

Every message says what happened and what to do next, and is safe to show: no secret, no full key id.
"""

from datetime import timedelta


class KeystewardError(Exception):
    """Base of every error this service raises on purpose."""


class ConfigError(KeystewardError):
    """The config or the command line is wrong (exit code 2). The message is one line a fault."""


class CouldNotStart(KeystewardError):
    """Nothing was done at all: no AWS identity, no list of accounts (exit code 3)."""


class LedgerError(KeystewardError):
    """The ledger can't be reached, is locked, full, or newer than this code (exit code 3)."""


class NoLedger(LedgerError):
    """There is no ledger yet: commands that only look go on without one."""


# What it ends with. A command that made one at a mistyped URL would pause, or restore, nothing.
MENDED_BY = "the first run makes it, or `keysteward ledger migrate`; is this the URL that the service has?"


class StaleLease(LedgerError):
    """Another replica has taken over: what was about to be written must not be."""


class Paused(LedgerError):
    """The service is paused: nothing is sent or done until `keysteward resume`."""


class ConflictingWrite(LedgerError):
    """A finding changed between the view and the write (a `restore` beside a run). Plan again."""


class Transient(KeystewardError):
    """Trying later may help. ``retry_after`` is the least wait that the other side asked for."""

    def __init__(self, message: str, retry_after: timedelta | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class Ambiguous(Transient):
    """The request may have arrived (a time-out after sending): look before sending again.

    ``findable`` False: it can't be looked for there, nor are repeats dropped. It is sent once more, and if
    that too goes without an answer, it is given up: a person would get the same again and again.
    """

    def __init__(self, message: str, retry_after: timedelta | None = None, *, findable: bool = True) -> None:
        super().__init__(message, retry_after)
        self.findable = findable


class PausedMeanwhile(Transient):
    """The service was paused before the next request of a message or an act: it has not left, and goes on
    after `keysteward resume`."""


class Permanent(KeystewardError):
    """Trying the same again can't help."""


class RecipientUnreachable(Permanent):
    """This recipient can't be reached on this sink: the fallback is told instead."""


class RecipientLeft(RecipientUnreachable):
    """The recipient has left for good (deactivated, bounced): the next owner is asked in their place."""


class Held(KeystewardError):
    """A destructive act was refused at the last moment: ``code`` names the rule that held it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
