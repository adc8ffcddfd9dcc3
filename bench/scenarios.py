"""The sizes and conditions that are measured."""

from dataclasses import dataclass, field

from bench.processes import Service


@dataclass(frozen=True)
class Scenario:
    """``runners`` by their short names, in this order: `steady` goes on from what `cold` has left."""

    name: str
    accounts: int
    users: int
    runners: tuple[str, ...]
    service: Service = field(default_factory=Service)

    @property
    def conditions(self) -> str:
        service = self.service
        limit = f", {service.rate:g} calls/s and account, burst {service.burst:g}" if service.rate else ""
        return f"{self.accounts:,} x {self.users:,} users, {service.latency * 1000:g} ms a call{limit}"


LOW = Service(rate=20, burst=50)
OURS = ("cold", "steady")
SCRIPTS = ("floor", "report_first")
TOOLS = ("c7n-org", "prowler")

QUICK = (
    Scenario("1x1000", 1, 1000, (*SCRIPTS, *OURS)),
    Scenario("20x100", 20, 100, (*SCRIPTS, "plain_boto3", *OURS)),
    Scenario("5x100-low", 5, 100, OURS, LOW),
)
FULL = (
    Scenario("1x1000", 1, 1000, (*SCRIPTS, "plain_boto3", *OURS)),
    Scenario("50x100", 50, 100, (*SCRIPTS, "plain_boto3", *OURS, *TOOLS)),
    Scenario("500x100", 500, 100, (*SCRIPTS, *OURS)),
    Scenario("1000x100", 1000, 100, OURS),
    Scenario("10000x100", 10_000, 100, OURS),
    Scenario("20x100-low", 20, 100, (*SCRIPTS[1:], "plain_boto3", *OURS), LOW),
    Scenario("1x1000-low", 1, 1000, (*SCRIPTS[1:], *OURS), LOW),
)


def custom(size: str, runners: tuple[str, ...], service: Service) -> Scenario:
    """Of a size such as ``20x100``. Raises ValueError."""
    accounts, users = map(int, size.split("x"))
    return Scenario(size, accounts, users, runners, service)
