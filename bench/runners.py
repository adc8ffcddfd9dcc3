"""What is measured: each runner scans the fake's whole fleet in processes of its own."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from bench import keysteward
from bench.processes import Aws, Calls, Cost, measure
from bench.tools import TOOLS, Tool
from bench.truth import older_in
from bench.verify import Verdict, of_answers, of_file


@dataclass(frozen=True, slots=True)
class Row:
    """One runner's line in the table. ``verdict`` None: it gave no answer."""

    runner: str
    cost: Cost
    calls: Calls
    verdict: Verdict | None = None

    @property
    def cpu_a_call(self) -> float:
        """Seconds of the whole process's CPU, its start included."""
        return self.cost.cpu / max(1, self.calls.total)


Runner = Callable[[Aws, Path], Row]


def cold(aws: Aws, folder: Path) -> Row:
    """The first run ever: an empty ledger."""
    for file in folder.glob("ledger.db*"):
        file.unlink()
    return _keysteward("Keysteward, cold", aws, folder)


def steady(aws: Aws, folder: Path) -> Row:
    """A run later the same day, on the ledger that the one before has left."""
    return _keysteward("Keysteward, steady", aws, folder)


def _keysteward(name: str, aws: Aws, folder: Path) -> Row:
    config = keysteward.write_config(folder, aws.fleet)
    cost = measure(keysteward.run_command(config), aws.environment())
    answered = cost.exit in (0, 1)
    return Row(name, cost, aws.calls(), keysteward.check(aws.fleet, config) if answered else None)


def _script(name: str, module: str, aws: Aws, folder: Path) -> Row:
    out = folder / module
    cost = measure([sys.executable, "-m", f"bench.{module}", "--out", str(out)], aws.environment())
    return Row(name, cost, aws.calls(), of_file(aws.fleet, out) if cost.exit == 0 else None)


def _tool(tool: Tool, program: str, aws: Aws, folder: Path) -> Row:
    """Its home is the folder: it finds no cache there and leaves none behind."""
    own = aws.environment() | {"HOME": str(folder)}
    cost = measure(tool.command(program, aws.fleet, folder), own, tree=True)
    found = tool.answer(aws.fleet, folder)
    verdict = of_answers(aws.fleet, found, partial(older_in, days=tool.days))
    return Row(f"{tool.name} (age only)", cost, aws.calls(), verdict)


def runners() -> Mapping[str, Runner]:
    """By a short name: ours, the scripts, and those tools that are installed."""
    installed = ((tool, tool.program) for tool in TOOLS)
    return {
        "floor": partial(_script, "hand-signed floor", "floor"),
        "report_first": partial(_script, "report first, 32 threads", "report_first"),
        "plain_boto3": partial(_script, "plain boto3, 32 threads", "plain_boto3"),
        "cold": cold,
        "steady": steady,
        **{tool.name: partial(_tool, tool, program) for tool, program in installed if program},
    }
