"""The SQLite ledger between processes: killed, at once, on a full disk and without permission."""

import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from app.ledger.lock import FileLock
from app.ledger.open import open_ledger
from app.plan.record import Change
from tests.fakes.ledger_rows import UID, WHOLE, a_uid, delivery, event, facts, finding

ROOT = Path(__file__).parents[2]
NO_WAIT = timedelta(0)
NOBODY = 65534
GROUP = 150  # facts in one change: enough for a kill to fall inside of it

PRELUDE = """
import os, resource, sys
from datetime import timedelta
from app.errors import LedgerError
import app.ledger.sqlite  # before a child becomes somebody who can't read it
from app.ledger.open import open_ledger
from app.plan.record import Change
from tests.functional.test_ledger_processes import a_change
url = sys.argv[1]
"""

HOLD = """
with open_ledger(url).lease("child", timedelta(0)) as lease:
    print(lease.epoch, flush=True)
    sys.stdin.read()
"""

WRITE_FOR_EVER = """
ledger = open_ledger(url)
number = len(ledger.events())
while True:
    ledger.apply(a_change(number))
    print(number, flush=True)
    number += 1
"""

WRITE_FORTY = """
sys.stdin.readline()
ledger = open_ledger(url)
for number in range(int(sys.argv[2]), int(sys.argv[2]) + 40):
    ledger.apply(a_change(number))
"""

OPEN_WHEN_TOLD = """
print("ready", flush=True)
sys.stdin.readline()
print(len(open_ledger(url).events()))
"""

FILL_THE_DISK = """
ledger = open_ledger(url)
resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, 600_000))
number = 0
try:
    while True:
        ledger.apply(a_change(number))
        number += 1
except LedgerError as error:
    print(number, error)
"""

TRY_TO_WRITE = """
if os.getuid() == 0:
    os.setuid(int(sys.argv[2]))
try:
    open_ledger(url).apply(a_change(1))
except LedgerError as error:
    print(error)
"""


def a_change(number: int) -> Change:
    """Change ``number`` of a history: many rows of several types that belong together."""
    uid = a_uid(number)
    many = tuple(facts(f"{uid}-{n}") for n in range(GROUP))
    return Change(
        facts=many, findings=(finding(uid),), deliveries=(delivery(uid),), events=(event(str(number)),)
    )


@contextmanager
def child(code: str, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    process = subprocess.Popen(
        [sys.executable, "-c", PRELUDE + code, *arguments],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def answer(code: str, *arguments: str) -> str:
    with child(code, *arguments) as process:
        out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    return out.strip()


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/ledger.db"


def line_of(process: "subprocess.Popen[str]") -> str:
    assert process.stdout
    return process.stdout.readline().strip()


def test_a_killed_holder_frees_the_lease_at_once(url: str) -> None:
    ledger = open_ledger(url)
    with child(HOLD, url) as holder:
        epoch = int(line_of(holder))
        with ledger.lease("parent", NO_WAIT) as lease:
            assert lease is None
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        with ledger.lease("parent", NO_WAIT) as lease:
            assert lease
            assert lease.epoch == epoch + 1


def test_a_kill_amid_many_writes_leaves_each_change_whole_or_absent(url: str) -> None:
    rounds = random.Random(7)
    for _ in range(4):
        with child(WRITE_FOR_EVER, url) as writer:
            for _ in range(rounds.randrange(1, 30)):
                told = int(line_of(writer))
            writer.send_signal(signal.SIGKILL)
            writer.wait()
        assert_whole(url, told)


def assert_whole(url: str, told: int) -> None:
    """What was told as written is there; the one after it is whole or absent."""
    ledger = open_ledger(url)
    numbers = [int(e.what) for e in ledger.events()]
    assert numbers == list(range(len(numbers)))
    assert len(numbers) > told
    view = ledger.view()
    assert len(view.facts) == GROUP * len(numbers)
    assert set(view.findings) == {a_uid(n) for n in numbers}
    assert set(view.deliveries) == {f.id for f in view.findings.values()}
    ledger.close()


def test_processes_that_make_and_write_one_ledger_at_once_lose_nothing(url: str) -> None:
    with child(WRITE_FORTY, url, "0") as one, child(WRITE_FORTY, url, "40") as two:
        for process in (one, two):
            assert process.stdin
            process.stdin.write("go\n")
            process.stdin.flush()
        results = [process.communicate(timeout=60) for process in (one, two)]
    assert results == [("", "")] * 2
    numbers = [int(e.what) for e in open_ledger(url).events()]
    assert sorted(numbers) == list(range(80))
    assert [n for n in numbers if n < 40] == list(range(40)), "each process's own order is kept"
    assert len(open_ledger(url).view().facts) == GROUP * 80


@contextmanager
def being_made(path: Path) -> Iterator[None]:
    """A new ledger as its maker holds it half-way: empty, under the maker's lock and the database's."""
    with FileLock(path.with_name(f"{path.name}.migrate")).hold(NO_WAIT), closing(sqlite3.connect(path)) as db:
        db.execute("BEGIN IMMEDIATE")
        yield


def test_who_opens_a_ledger_that_another_process_is_making_waits_for_it(url: str, tmp_path: Path) -> None:
    with child(OPEN_WHEN_TOLD, url) as opener:
        assert line_of(opener) == "ready"
        with being_made(tmp_path / "ledger.db"), pytest.raises(subprocess.TimeoutExpired):
            opener.communicate("go\n", timeout=0.5)
        results = opener.communicate(timeout=60)
    assert results == ("0\n", "")


def test_opening_a_ledger_again_does_not_free_what_this_process_holds_of_it(url: str) -> None:
    """POSIX locks go with the first file closed: another process would then delete the log under us."""
    one = open_ledger(url)
    one.apply(Change(events=(event("first"),)))
    open_ledger(url)
    count = "print(len(open_ledger(url).events()))"
    assert answer(count, url).split() == ["1"]
    one.apply(Change(events=(event("second"),)))
    assert answer(count, url).split() == ["2"]


def test_a_full_disk_is_told_with_a_remedy_and_loses_nothing(url: str) -> None:
    number, _, told = answer(FILL_THE_DISK, url).partition(" ")
    assert told.startswith("the ledger can't")
    assert "space" in told
    assert "AKIA" not in told
    assert int(number) > 0
    assert_whole(url, int(number) - 1)
    ledger = open_ledger(url)
    assert len(ledger.events()) == int(number)
    ledger.apply(a_change(int(number)))
    assert_whole(url, int(number))


@pytest.mark.parametrize(
    ("folder_mode", "file_mode"), [(0o755, 0o444), (0o555, 0o666)], ids=["the file", "the folder"]
)
def test_what_the_services_user_may_not_write_is_told(folder_mode: int, file_mode: int) -> None:
    with tempfile.TemporaryDirectory() as name:  # others can reach it, unlike pytest's own folders
        folder, path = Path(name), Path(name) / "ledger.db"
        ledger = open_ledger(f"sqlite:///{path}")
        ledger.apply(WHOLE)
        ledger.close()  # SQLite's side files go: the child would have to make them
        for part in folder.iterdir():
            part.chmod(file_mode)
        folder.chmod(folder_mode)
        told = answer(TRY_TO_WRITE, f"sqlite:///{path}", str(NOBODY))
        folder.chmod(0o755)
        assert told.startswith("the ledger")
        assert "writable for the service" in told or "let the service's user write" in told
        assert list(open_ledger(f"sqlite:///{path}").view().facts) == [UID]
