"""`python -m bench`: measures, prints the tables, and saves them."""

import json
import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from bench import table
from bench.claims import Result, Results
from bench.fleet import Fleet
from bench.processes import Service, fake_aws, measure
from bench.runners import Row, runners
from bench.scenarios import FULL, OURS, QUICK, SCRIPTS, Scenario, custom

RESULTS = Path(__file__).parent / "results"


def main() -> int:
    given = arguments()
    console, results = table.console(), Results()
    results.micro = micro()
    for scenario in chosen(given):
        results.scenarios[scenario.name] = measured(console, scenario, given.seed)
        table.show(console, results.scenarios[scenario.name])
    table.show_claims(console, results)
    console.print(f"Saved as {table.save(results, given.results, given.name)}")
    return 0


def arguments() -> Namespace:
    parser = ArgumentParser(prog="python -m bench", description=__doc__)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--quick", action="store_true", help="small sizes, under two minutes (the default)")
    what.add_argument("--full", action="store_true", help="all sizes up to 10,000 accounts: an hour or more")
    what.add_argument("--scenario", nargs="+", metavar="NAME", help="only these of --full")
    what.add_argument("--size", metavar="ACCOUNTSxUSERS", help="one of your own, such as 50x100")
    parser.add_argument("--runners", help=f"with --size [default: {','.join((*SCRIPTS, *OURS))}]")
    parser.add_argument("--latency", type=float, default=0.03, help="with --size: seconds a call")
    parser.add_argument("--rate", type=float, default=0, help="with --size: IAM calls a second and account")
    parser.add_argument("--burst", type=float, default=50, help="with --size and --rate")
    parser.add_argument("--seed", type=int, default=1, help="of the fleet")
    parser.add_argument("--name", default="latest", help="of the files that it saves")
    parser.add_argument("--results", type=Path, default=RESULTS, help="the folder that they go to")
    return parser.parse_args()


def chosen(given: Namespace) -> Iterable[Scenario]:
    if given.size:
        names = tuple(given.runners.split(",")) if given.runners else (*SCRIPTS, *OURS)
        return [custom(given.size, names, Service(given.latency, given.rate, given.burst))]
    if given.scenario:
        return [scenario for scenario in FULL if scenario.name in given.scenario]
    return FULL if given.full else QUICK


def measured(console: Console, scenario: Scenario, seed: int) -> Result:
    fleet = Fleet(scenario.accounts, scenario.users, int(time.time()), seed)
    rows: dict[str, Row] = {}
    known = runners()
    with TemporaryDirectory(prefix="keysteward-bench-") as folder, fake_aws(fleet, scenario.service) as aws:
        for name in scenario.runners:
            if name not in known:
                console.print(f"{name} is not installed: left out", style="yellow")
                continue
            with console.status(f"{scenario.name}: {name}"):
                aws.reset()
                rows[name] = known[name](aws, Path(folder))
    return Result(scenario, fleet, rows)


def micro() -> dict[str, float]:
    """The CPU of one call, in seconds, by who makes it."""
    fleet = Fleet(1, 1, int(time.time()))
    with TemporaryDirectory() as folder, fake_aws(fleet, Service(latency=0)) as aws:
        out = Path(folder, "micro.json")
        cost = measure([sys.executable, "-m", "bench.micro", "--out", str(out)], aws.environment())
        if cost.exit:
            raise SystemExit(cost.said)
        found: dict[str, float] = json.loads(out.read_text())
        return found


if __name__ == "__main__":
    sys.exit(main())
