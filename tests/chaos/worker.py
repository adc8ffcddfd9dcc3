"""One process that plays rounds one after the other, and says of each, in a line of JSON, what came of it."""

import faulthandler
import json
import pickle
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.chaos.clock import real
from tests.chaos.judge import Verdict, judge
from tests.chaos.record import Record
from tests.chaos.round import Round
from tests.chaos.schedule import draw, undisturbed
from tests.chaos.takeover import Beheadings, beheaded
from tests.chaos.theatre import Theatre, open_theatre

STUCK = real(3600)  # seconds: no round takes an hour of the service's
Play = Callable[[Theatre, int, int, Path], Record]


def usual(theatre: Theatre, seed: int, replicas: int, folder: Path) -> Record:
    schedule = draw(seed, replicas, theatre.store.is_a_file, theatre.store.is_web)
    return Round(theatre, schedule, folder).play()


def quiet(theatre: Theatre, seed: int, replicas: int, folder: Path) -> Record:
    return Round(theatre, undisturbed(replicas), folder).play()


def beheading(theatre: Theatre, seed: int, replicas: int, folder: Path) -> Record:
    return Beheadings(theatre, beheaded(seed, replicas), folder).play()


PLAYS: dict[str, Play] = {"rounds": usual, "takeovers": beheading, "undisturbed": quiet}


def work(order: dict[str, Any]) -> None:
    """``order``: play, ledger, seeds with the number of replicas of each, where to keep the record."""
    cases = [(int(seed), int(replicas)) for seed, replicas in order["cases"]]
    with open_theatre(order["ledger"], max(replicas for _, replicas in cases)) as theatre:
        if theatre is None:
            _say({"missing": order["ledger"]})
            return
        for seed, replicas in cases:
            faulthandler.dump_traceback_later(STUCK, exit=True)
            _say(_one(theatre, PLAYS[order["play"]], seed, replicas, order["keep"]))
    faulthandler.cancel_dump_traceback_later()


def _one(theatre: Theatre, play: Play, seed: int, replicas: int, keep: str) -> dict[str, Any]:
    folder = Path(tempfile.mkdtemp(prefix=f"keysteward-chaos-{seed}-"))
    record = play(theatre, seed, replicas, folder)
    if keep:
        Path(keep).write_bytes(pickle.dumps(record))
    verdict = judge(record)
    said = _told(record, verdict)
    if verdict.violations:
        (folder / "record").write_bytes(pickle.dumps(record))
        return {**said, "schedule": str(record.schedule), "folder": str(folder)}
    shutil.rmtree(folder)
    return said


def _told(record: Record, verdict: Verdict) -> dict[str, Any]:
    return {
        "seed": record.schedule.seed,
        "replicas": record.schedule.replicas,
        "seconds": record.seconds,
        "violations": verdict.violations,
        "counts": verdict.counts,
        "injected": record.injected,
        "waits": record.waits,
    }


def _say(message: dict[str, Any]) -> None:
    print(json.dumps(message), flush=True)


if __name__ == "__main__":
    work(json.loads(sys.argv[1]))
