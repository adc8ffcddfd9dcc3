"""Every command that asks AWS for something, through the whole ladder, in one process."""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import mkdtemp
from typing import Self, TextIO, cast

import click
from click.testing import CliRunner

from app.cli import opening
from app.cli.main import cli
from app.cli.options import at_option
from app.cli.run import one_cycle
from app.cli.show import Stderr
from app.inventory.permissions import PolicyKind
from app.telemetry import configure_logging
from tests.fakes.enforced import Organization, role_arn, user_of
from tests.fakes.gate import Document
from tests.fakes.wants import ACTOR, HUB, HUB_ROLE, SPOKE

Step = tuple[str, ...]
PEOPLE = ("ann", "bob")
DAY = timedelta(days=1)
WHY = ("--reason", "a mistake")
# The commands that need no permission, for they ask AWS nothing; `demo` asks an AWS of its own.
ASK_NOTHING: tuple[Step, ...] = (
    ("check-config",),
    ("schema",),
    ("iam-policy", "spoke"),
    ("preview", "--sink", "mail", "--stage", "final"),
)


@click.command()
@click.option("--once", is_flag=True)
@at_option("As of `keysteward run`.")
def cycle(once: bool, at: datetime | None) -> int:
    """`keysteward run --once`, but for its last step: it ends the process."""
    configure_logging("warning", json=True, stream=cast(TextIO, Stderr()))
    return one_cycle(opening.to_run(opening.load(None), rehearse_at=at))


@dataclass(frozen=True)
class Done:
    """A command that has ended. ``text`` is all that it said, its error too."""

    args: tuple[str, ...]
    code: int
    out: str
    err: str

    @classmethod
    def of(cls, *args: str) -> Self:
        command, rest = (cycle, args[1:]) if args[0] == "run" else (cli, args)
        result = CliRunner().invoke(command, rest, standalone_mode=False)
        if result.exception:
            return cls(args, 1, result.stdout, f"{result.stderr}\n{result.exception}")
        return cls(args, result.return_value or 0, result.stdout, result.stderr)

    @property
    def text(self) -> str:
        return f"{self.err}\n{self.out}"


def iam_policy(kind: PolicyKind) -> Done:
    return Done.of("iam-policy", kind)


@dataclass
class Life:
    """``documents`` are the printed ones."""

    org: Organization
    mode: str
    documents: dict[PolicyKind, Document]
    done: list[Done] = field(default_factory=list)

    def role(self, kind: PolicyKind) -> str:
        """The hub, or the first member's role."""
        return self.roles(kind)[0]

    def roles(self, kind: PolicyKind) -> list[str]:
        if kind == "hub":
            return [role_arn(HUB, HUB_ROLE)]
        name = SPOKE if kind == "spoke" else ACTOR
        return [role_arn(account_id, name) for account_id in (*self.org.members, HUB)]

    def attach(self, kind: PolicyKind, policy: Document, only: bool = False) -> None:
        """To every role of the kind; ``only``: to the first."""
        for role in self.roles(kind)[: 1 if only else None]:
            self.org.attach(role, policy)

    def live(self, until: Callable[[Done], bool] = lambda _: False) -> Done | None:
        """Commands, to the end or to the first that does; which is given back."""
        self.org.enforce()
        return next((done for step in self._steps() if until(done := self._do(*step))), None)

    def _steps(self) -> list[Step]:
        """The six deactivations of day 2 are approved: the brake holds them."""
        first, acts = self.org.members[0], self.mode == "enforce"
        approved: list[Step] = [("approve",), ("run", "2.1")]
        restored: list[Step] = [("restore", "ann", HUB), ("restore", "ann", first)]
        return [
            *(("scan",), ("owners",), ("plan",), ("report",), ("run", "0", "stale"), ("run", "2")),
            *(approved if acts else ()),
            *(("explain", "ann", HUB), ("explain", "ann", first)),
            *(restored if acts else ()),
            *(("run", "10"), ("deliveries",), ("snooze", "ann", first), ("unsnooze", "ann", first)),
            *(("pause",), ("resume",), ("history",), ("history", "--verify")),
        ]

    def _do(self, name: str, *what: str) -> Done:
        self.org.gate.report_at = self.org.start
        if name == "run":
            at = self.org.start + float(what[0]) * DAY
            self.org.gate.report_at = None if what[1:] == ("stale",) else at
            what = ("--once", "--at", at.isoformat())
        elif name == "approve":
            what = (self._braked(), *WHY)
        elif name in ("explain", "restore", "snooze", "unsnooze"):
            what = (self._key(*what),)
        elif name == "report":
            what = ("--standard", "cis", "--out", mkdtemp(dir=Path(os.environ["KEYSTEWARD_CONFIG"]).parent))
        what += {"restore": WHY, "pause": WHY, "snooze": ("--for", "1d", *WHY)}.get(name, ())
        self.done.append(Done.of(name, *what))
        return self.done[-1]

    def _braked(self) -> str:
        """As the last run named its plan."""
        named = re.search(r"`keysteward approve (\w+)", self.done[-1].text)
        return named[1] if named else "none"

    def _key(self, user: str, account_id: str) -> str:
        return str(user_of(account_id, name=user).access_keys[0].access_key_id)

    def lines(self) -> list[str]:
        return [line for done in self.done for line in done.text.splitlines()]

    def _statuses(self, name: str) -> list[str]:
        users = (user_of(account_id, name=name) for account_id in self.org.accounts)
        return [key.status for user in users for key in user.access_keys]

    def keys_left(self) -> int:
        return sum(len(self._statuses(name)) for name in PEOPLE)

    def ended_as(self, mode: str) -> bool:
        """In `enforce` every key was deactivated, two were restored, and the rest was deleted."""
        left = {name: self._statuses(name) for name in PEOPLE}
        whole = {"ann": ["Active"] * 3, "bob": ["Active"] * 3}
        return left == ({"ann": ["Active"] * 2, "bob": []} if mode == "enforce" else whole)
