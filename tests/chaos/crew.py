"""Workers, each a process with a theatre of its own; what they say is added up."""

import json
import os
import selectors
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.servers.mortal import dies_with_us

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Wanted:
    """``replicas`` are taken in turn. ``pace``: service seconds in one of ours, ``term``: the lease in those.

    ``keep``: the file in which the last round's record is kept, pickled.
    """

    rounds: int
    seed: int = 1
    replicas: tuple[int, ...] = (3,)
    ledger: str = "postgresql"
    workers: int = 2
    play: str = "rounds"
    pace: float = 20.0
    term: float = 30.0
    keep: str = ""

    def cases(self) -> list[tuple[int, int]]:
        seeds = range(self.seed, self.seed + self.rounds)
        return [(seed, self.replicas[seed % len(self.replicas)]) for seed in seeds]

    def replay(self, seed: int, replicas: int) -> str:
        of = "--takeovers" if self.play == "takeovers" else "--rounds"
        real = " --real-time" if self.pace == 1 else ""
        where = f"--replicas {replicas} --ledger {self.ledger}{real}"
        return f'make chaos ARGS="{of} 1 --seed {seed} {where}"'


@dataclass
class Outcome:
    """Of all rounds together. ``waits``: from each leader's death to its successor, in seconds of ours."""

    rounds: int = 0
    seconds: float = 0.0  # of playing, over all workers
    violations: list[tuple[int, str, str]] = field(default_factory=list)  # seed, law, what broke it
    counts: Counter[str] = field(default_factory=Counter)
    injected: Counter[str] = field(default_factory=Counter)
    waits: list[float] = field(default_factory=list)
    missing: str = ""  # a ledger that isn't installed
    died: list[str] = field(default_factory=list)  # workers

    def add(self, said: dict[str, Any]) -> None:
        self.rounds += 1
        self.seconds += said["seconds"]
        self.violations += [(said["seed"], law, text) for law, text in said["violations"]]
        self.counts.update(said["counts"])
        self.injected.update(said["injected"])
        self.waits += said["waits"]

    @property
    def is_clean(self) -> bool:
        return not (self.violations or self.died or self.missing)


def play(wanted: Wanted, heard: Callable[[dict[str, Any]], None] = lambda said: None) -> Outcome:
    """``heard`` is told of each round as it ends. Interrupted, it returns what was played until then."""
    outcome = Outcome()
    with _workers(wanted) as workers, suppress(KeyboardInterrupt):
        for said in _lines(workers):
            if "missing" in said:
                outcome.missing = said["missing"]
                continue
            outcome.add(said)
            heard(said)
        outcome.died = [f"worker {n} ended with {w.wait()}" for n, w in enumerate(workers) if w.wait()]
    return outcome


@contextmanager
def _workers(wanted: Wanted) -> "Iterator[list[subprocess.Popen[bytes]]]":
    cases, number = wanted.cases(), min(wanted.workers, wanted.rounds)
    common = {"play": wanted.play, "ledger": wanted.ledger, "keep": wanted.keep}
    orders = [{**common, "cases": cases[n::number]} for n in range(number)]
    workers = [_start(wanted, order) for order in orders]
    try:
        yield workers
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()


def _start(wanted: Wanted, order: dict[str, Any]) -> "subprocess.Popen[bytes]":
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "KEYSTEWARD_"))}
    env = {**kept, "CHAOS_PACE": str(wanted.pace), "CHAOS_TERM": str(wanted.term), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "tests.chaos.worker", json.dumps(order)]
    return subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, preexec_fn=dies_with_us)


def _lines(workers: "list[subprocess.Popen[bytes]]") -> Iterator[dict[str, Any]]:
    """What any of them says, until the last has ended."""
    with selectors.DefaultSelector() as ears:
        rests = dict.fromkeys((w.stdout for w in workers if w.stdout), b"")
        for pipe in rests:
            ears.register(pipe, selectors.EVENT_READ)
        while ears.get_map():
            for key, _ in ears.select():
                ear: Any = key.fileobj
                data = os.read(ear.fileno(), 65536)
                if not data:
                    ears.unregister(ear)
                *lines, rests[ear] = (rests[ear] + data).split(b"\n")
                yield from map(json.loads, lines)
