"""The bar on a real terminal: a command in a process of its own, a pseudo-terminal as its stderr."""

import fcntl
import os
import re
import struct
import subprocess
import sys
import termios
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.aws import FakeAws
from tests.fakes.aws_fleet import FakeAccount, FakeKey, FakeUser
from tests.fakes.jira import FakeJira
from tests.fakes.slack import FakeSlack
from tests.fakes.stage import DAY, START, Stage

QUICK, SLOW = "111111111111", "222222222222"
PATIENCE = 60.0  # seconds
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@dataclass
class Ended:
    code: int
    out: str
    screen: str  # everything that was ever written to the terminal

    @property
    def lines(self) -> list[str]:
        return [line for line in re.split(r"[\r\n]+", ESCAPES.sub("", self.screen)) if line.strip()]


class Theatre:
    """The stage, whose second account is not read before ``curtain`` rises."""

    def __init__(self, stage: Stage, aws: FakeAws) -> None:
        self.stage, self.curtain = stage, threading.Event()
        answer = aws.handle

        def held_back(
            service: str, action: str, params: Any, key_id: str, region: str = ""
        ) -> dict[str, Any]:
            session = aws._by_key.get(key_id)
            if action == "GetCredentialReport" and session and session.account == SLOW:
                self.curtain.wait(PATIENCE)
            return answer(service, action, params, key_id, region)

        aws.handle = held_back  # type: ignore[method-assign]

    def plays(self, columns: int, *args: str, until: str) -> Ended:
        """Runs the command on a terminal so wide; the curtain rises when ``until`` has been drawn."""
        ours, theirs = os.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        process = self._start(theirs, args)
        os.close(theirs)
        screen = self._watch(ours, until)
        out, _ = process.communicate(timeout=PATIENCE)
        return Ended(process.returncode, out, screen)

    def _start(self, terminal: int, args: tuple[str, ...]) -> "subprocess.Popen[str]":
        hidden = ("COLUMNS", "LINES", "NO_COLOR")
        env = {name: value for name, value in self.stage.env.items() if name not in hidden}
        self.stage.write()
        return subprocess.Popen(
            [sys.executable, "-m", "app", *args],
            env={**env, "TERM": "xterm"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=terminal,
            text=True,
        )

    def _watch(self, terminal: int, until: str) -> str:
        seen = b""
        while chunk := _read(terminal):
            seen += chunk
            if until in ESCAPES.sub("", seen.decode(errors="ignore")):
                self.curtain.set()
        os.close(terminal)
        return seen.decode()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # how Linux says that nobody has the other side open any more
        return b""


@pytest.fixture
def theatre(tmp_path: Path) -> Iterator[Theatre]:
    key = FakeKey("AKIAEXAMPLE000000001", START - 900 * DAY, last_used=START)
    fleet = [FakeAccount(QUICK, [FakeUser("ann", [key])]), FakeAccount(SLOW, [])]
    with FakeAws(fleet) as aws, FakeSlack() as slack, FakeJira() as jira:
        stage = Stage(tmp_path, aws.url, slack, jira, [QUICK, SLOW])
        stage.config["mode"] = "observe"
        yield Theatre(stage, aws)


@pytest.mark.parametrize("columns", [80, 200])
def test_a_scan_draws_a_bar_that_fits_and_clears_it_away(theatre: Theatre, columns: int) -> None:
    done = theatre.plays(columns, "scan", "--format", "csv", until="1 of 2")
    drawn = [line for line in done.lines if "Reading accounts" in line]
    assert drawn
    assert re.fullmatch(r"Reading accounts +[━╸╺ ]+ +1 of 2", drawn[-1].strip())
    assert re.search(r"^0:\d\d elapsed.* · 0 failed · \d+ calls", "\n".join(done.lines), re.MULTILINE)
    assert max(map(len, done.lines)) <= columns
    assert done.screen.count("\x1b[?25l") == done.screen.count("\x1b[?25h") == 1
    assert done.out.startswith("account_id,")
    assert "elapsed" not in done.out


def test_run_once_draws_it_too_and_its_log_stays_readable(theatre: Theatre) -> None:
    done = theatre.plays(80, "run", "--once", until="1 of 2")
    assert done.code == 0
    assert any("keysteward starts" in line for line in done.lines)
    assert any("run finished" in line for line in done.lines)
    assert done.out.startswith("2 of 2 accounts (100 %) read, 0 failed; 0 notices delivered")


def test_without_a_terminal_stderr_stays_quiet(theatre: Theatre) -> None:
    theatre.curtain.set()
    done = theatre.stage.ks("scan", "--format", "csv")
    assert (done.code, done.err) == (0, "")
