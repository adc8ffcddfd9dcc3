"""What is measured: each runner scans the fake's whole fleet in processes of its own."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench import keysteward, tools
from bench.processes import Aws, Calls, Cost, measure
from bench.verify import Verdict, of_file


@dataclass(frozen=True, slots=True)
class Row:
    """One runner's line in the table. ``verdict`` None: its answer can't be compared key by key."""

    runner: str
    cost: Cost
    calls: Calls
    verdict: Verdict | None

    @property
    def cpu_a_call(self) -> float:
        """Seconds of the whole process's CPU, its start included."""
        return self.cost.cpu / max(1, self.calls.total)


Runner = Callable[[Aws, Path], Row]


def _keysteward(name: str, aws: Aws, folder: Path) -> Row:
    config = keysteward.write_config(folder, aws.fleet)
    cost = measure(keysteward.run_command(config), aws.environment())
    calls = aws.calls()
    return Row(name, cost, calls, None if cost.exit not in (0, 1) else keysteward.check(aws.fleet, config))


def cold(aws: Aws, folder: Path) -> Row:
    """The first run ever: an empty ledger."""
    (folder / "ledger.db").unlink(missing_ok=True)
    return _keysteward("Keysteward cold", aws, folder)


def steady(aws: Aws, folder: Path) -> Row:
    """A run later the same day, on the ledger that the one before has left."""
    return _keysteward("Keysteward steady", aws, folder)


def _script(name: str, module: str) -> Runner:
    def run(aws: Aws, folder: Path) -> Row:
        out = folder / module
        cost = measure([sys.executable, "-m", f"bench.{module}", "--out", str(out)], aws.environment())
        verdict = of_file(aws.fleet, out) if cost.exit == 0 else None
        return Row(name, cost, aws.calls(), verdict)

    return run


def _tool(name: str, tool: tools.Tool) -> Runner:
    def run(aws: Aws, folder: Path) -> Row:
        cost = measure(tool(aws, folder), aws.environment(), tree=True)
        return Row(name, cost, aws.calls(), None)

    return run


RUNNERS: dict[str, Runner] = {
    "floor": _script("hand-signed floor", "floor"),
    "cold": cold,
    "steady": steady,
    "report_first": _script("report first, 32 threads", "report_first"),
    "plain_boto3": _script("plain boto3, 32 threads", "plain_boto3"),
}


def run(name: str, aws: Aws, folder: Path) -> Row:
    aws.reset()
    return RUNNERS[name](aws, folder)
