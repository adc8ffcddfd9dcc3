"""`python -m bench`."""

import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console

from bench.fleet import Fleet
from bench.processes import Service, fake_aws
from bench.runners import RUNNERS, run


def main() -> None:
    """For now: `python -m bench ACCOUNTS USERS RUNNER… `."""
    accounts, users, names = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:] or list(RUNNERS)
    fleet = Fleet(accounts, users, int(time.time()))
    console = Console()
    with TemporaryDirectory() as folder, fake_aws(fleet, Service()) as aws:
        for name in names:
            row = run(name, aws, Path(folder))
            console.print(
                f"{row.runner:26} {row.cost.wall:8.2f} s  CPU {row.cost.cpu:7.2f} s  {row.cost.peak_mb:6.0f} MB  "
                f"{row.calls.total:7} calls ({row.calls.throttled} throttled)  {row.verdict}  exit {row.cost.exit}"
            )
            console.print(f"    {dict(row.calls.by_action)}  {row.cost.said}")


main()
