"""``python -m tests.chaos``: rounds by the thousand, or leaders killed by the hundred (docs/chaos.md)."""

import argparse
import signal
import statistics
import sys
import time
from collections import Counter
from dataclasses import replace
from typing import Any

from tests.chaos.crew import Outcome, Wanted, play
from tests.chaos.takeover import KILLS

REAL_TERM = 20.0  # seconds: the shortest that a config may ask for
SOME = 50  # rounds, after which it is said how far it is


def main() -> int:
    wanted = _wanted(sys.argv[1:])
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    started = time.monotonic()
    outcome = play(wanted, Narrator(wanted).hear)
    print("\n".join(report(wanted, outcome, time.monotonic() - started)))
    return 0 if outcome.is_clean else 1


def _wanted(words: list[str]) -> Wanted:
    parser = argparse.ArgumentParser(prog="make chaos", description=__doc__)
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--rounds", type=int, default=1000, help="rounds of three weeks each (1000)")
    what.add_argument("--takeovers", type=int, help=f"rounds in each of which {KILLS} leaders are killed")
    parser.add_argument("--seed", type=int, default=1, help="of the first round; the next one's is one more")
    parser.add_argument("--replicas", default="3", help="3, or some in turn: 1,2,3")
    parser.add_argument("--ledger", default="postgresql", choices=("postgresql", "dynamodb", "sqlite"))
    parser.add_argument("--workers", type=int, default=2, help="processes that play at once (2)")
    help_ = f"takeovers in real time, with a lease of {REAL_TERM:g} s; else all runs 20 times as fast"
    parser.add_argument("--real-time", action="store_true", help=help_)
    given = parser.parse_args(words)
    wanted = Wanted(
        rounds=given.takeovers or given.rounds,
        seed=given.seed,
        replicas=tuple(int(number) for number in given.replicas.split(",")),
        ledger=given.ledger,
        workers=given.workers,
        play="takeovers" if given.takeovers else "rounds",
    )
    return replace(wanted, pace=1.0, term=REAL_TERM) if given.real_time else wanted


class Narrator:
    """Prints what goes wrong at once, and now and then how far it is."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted, self._heard, self._started = wanted, 0, time.monotonic()

    def hear(self, said: dict[str, Any]) -> None:
        self._heard += 1
        if said["violations"]:
            self._complain(said)
        if self._heard % SOME == 0:
            spent = time.monotonic() - self._started
            print(f"{self._heard:,} of {self._wanted.rounds:,} rounds, {spent:.0f} s", flush=True)

    def _complain(self, said: dict[str, Any]) -> None:
        print(said["schedule"])
        for law, text in said["violations"]:
            print(f"  VIOLATION {law}: {text}")
        print(f"  its logs: {said['folder']}")
        print(f"  again: {self._wanted.replay(said['seed'], said['replicas'])}", flush=True)


def report(wanted: Wanted, outcome: Outcome, wall: float) -> list[str]:
    replicas = ", ".join(map(str, wanted.replicas))
    head = f"{outcome.rounds:,} {wanted.play} on {wanted.ledger}, {replicas} replicas: {wall:.0f} s"
    lines = [head, *(f"  {name}: {number:,}" for name, number in sorted(outcome.counts.items()))]
    lines.append(f"  faults by kind: {_listed(outcome.injected)}")
    if outcome.waits:
        lines.append(_waits(wanted, outcome.waits))
    if outcome.missing:
        lines.append(f"{outcome.missing} is not installed: nothing was played")
    laws = Counter(law for _, law, _ in outcome.violations)
    return [*lines, *outcome.died, f"  violations: {_listed(laws) or 'none'}"]


def _waits(wanted: Wanted, waits: list[float]) -> str:
    term = wanted.term / wanted.pace
    middle, worst = statistics.median(waits), max(waits)
    return (
        f"  {len(waits)} leaders killed, the lease is {term:g} s: followed after {middle:.2f} s (median), "
        f"{worst:.2f} s (worst), {sum(wait > term + 2 for wait in waits)} later than lease + 2 s"
    )


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{name} {number:,}" for name, number in counts.most_common())


if __name__ == "__main__":
    sys.exit(main())
