"""The sizes and conditions that are measured, and what must show in each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from bench.processes import Service
from bench.runners import Row

Rows = Mapping[str, Row]  # by the runner's short name


class Claim(NamedTuple):
    """A number and the most that it may be."""

    text: str
    value: float
    most: float

    @property
    def holds(self) -> bool:
        return self.value <= self.most


Claims = Callable[["Scenario", Rows], list[Claim]]


@dataclass(frozen=True)
class Scenario:
    name: str
    accounts: int
    users: int
    runners: tuple[str, ...]
    service: Service = field(default_factory=Service)


BUCKET = Service(rate=20, burst=50)
OURS = ("cold", "steady")
SCRIPTS = ("floor", "report_first")
TOOLS = ("c7n-org", "prowler")

QUICK = (
    Scenario("1x1000", 1, 1000, (*SCRIPTS, *OURS)),
    Scenario("20x100", 20, 100, (*SCRIPTS, "plain_boto3", *OURS)),
    Scenario("5x100, 20 calls/s", 5, 100, OURS, BUCKET),
)
FULL = (
    Scenario("1x1000", 1, 1000, (*SCRIPTS, "plain_boto3", *OURS, *TOOLS)),
    Scenario("50x100", 50, 100, (*SCRIPTS, "plain_boto3", *OURS, *TOOLS)),
    Scenario("500x100", 500, 100, (*SCRIPTS, *OURS)),
    Scenario("1000x100", 1000, 100, OURS),
    Scenario("10000x100", 10_000, 100, OURS),
    Scenario("20x100, 20 calls/s", 20, 100, ("report_first", "plain_boto3", *OURS), BUCKET),
    Scenario("1x1000, 20 calls/s", 1, 1000, ("report_first", *OURS), BUCKET),
)
