"""A reader who enters a page's commands in order, in a folder of his own, before fakes of all vendors."""

import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.docs.blocks import ROOT, Block
from tests.docs.shell import commands_of, lines_of
from tests.docs.town import CONFIG, Town
from tests.docs.yaml_blocks import is_whole, settled

RUN = frozenset(
    {"keysteward", "cat", "cd", "echo", "export", "grep", "head", "ls", "mkdir", "sort", "wc", ""}
)
PATIENCE = 120  # seconds for another process
_FILE = re.compile(r"# (\S+\.ya?ml)\b")
_UNTIL = re.compile(r"(until: )20\d\d-\d\d-\d\d")


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a line ends when not by exit code 0; ``reads`` is entered in the place of ``line``."""

    page: str
    line: str  # what it contains
    code: int = 0
    says: str = ""
    reads: tuple[str, str] = ("", "")  # a placeholder, and what a reader puts there


# Lines whose end a page speaks of, or that hold what only the reader knows.
OUTCOMES: tuple[Outcome, ...] = (
    Outcome("docs/policy.md", "approve 3f2a91c04d5e", 1, "3f2a91c04d5e"),
    Outcome("docs/sinks.md", "KS-ABCDEFGHIJ", 1, "KS-ABCDEFGHIJ"),
    Outcome("docs/production.md", "restore old.contractor", 1, "was not deactivated by this service"),
    Outcome("docs/ledgers.md", "postgresql://…", reads=("postgresql://…", "sqlite:///./other.db")),
)
# Lines that are not entered here, and the test that does what they do.
ELSEWHERE: Mapping[tuple[str, str], str] = {
    ("docs/operations.md", "docker kill --signal HUP"): "tests/functional/test_reload.py",
    (
        "docs/ledgers.md",
        "KEYSTEWARD_LEDGER='postgresql://keysteward:…",
    ): "tests/contract/test_ledger_postgres.py",
    ("docs/webhooks.md", "KEYSTEWARD_SINKS__"): "tests/unit/sinks/test_webhook_docs.py",
}


@dataclass(frozen=True, slots=True)
class Entered:
    """One line of a page, and how it went."""

    block: Block
    line: str
    code: int
    printed: str


@dataclass
class Reader:
    """What a page exports stays for its later lines, and the folder of a `cd` for those of the same block."""

    folder: Path
    town: Town
    more: dict[str, str] = field(default_factory=dict)
    place: str = "."  # below `work`

    def __post_init__(self) -> None:
        folder = self.folder / "bin"
        folder.mkdir()
        program = folder / "keysteward"
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m app "$@"\n')
        program.chmod(0o755)

    @property
    def env(self) -> dict[str, str]:
        path = f"{self.folder / 'bin'}:{os.environ['PATH']}"
        return {**self.town.env, **self.more, "PATH": path, "PYTHONPATH": str(ROOT), "COLUMNS": "120"}

    @property
    def work(self) -> Path:
        place = self.folder / "work"
        place.mkdir(exist_ok=True)
        return place

    def save(self, name: str, text: str) -> None:
        """A config as the reader would write it: with a ledger of his own, and exemptions that still hold."""
        ahead = datetime.now(UTC) + timedelta(days=120)
        text = settled(text, self.work).replace("sqlite:///var/lib/keysteward", f"sqlite://{self.work}")
        (self.work / name).write_text(_UNTIL.sub(rf"\g<1>{ahead:%Y-%m-%d}", text))

    def enter(self, line: str) -> tuple[int, str]:
        """Exit code, and both outputs."""
        self.more |= _exported(line)
        match [(command.base, *command.args) for command in commands_of(line)]:
            case [("keysteward", "run")]:
                return self._daemon()
            case [("cd", folder)]:
                return self._cd(folder)
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", line],
            cwd=self.work / self.place,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    def _cd(self, folder: str) -> tuple[int, str]:
        """Of a folder of the repository it is enough that it is there: what follows in it isn't entered."""
        if (self.work / self.place / folder).is_dir():
            self.place = f"{self.place}/{folder}"
            return 0, ""
        return (0, "") if (ROOT / folder).is_dir() else (1, f"there is no folder {folder}")

    def _daemon(self) -> tuple[int, str]:
        """Until it is ready; then it is told to end."""
        program = [sys.executable, "-m", "app", "run"]
        pipe = subprocess.PIPE
        daemon = subprocess.Popen(program, cwd=self.work, env=self.env, stderr=pipe, text=True)
        try:
            ready = _answers(f"{self.town.page}/readyz")
        finally:
            daemon.send_signal(signal.SIGTERM)
            _, err = daemon.communicate(timeout=PATIENCE)
        return daemon.returncode if ready else -1, err


def _exported(line: str) -> dict[str, str]:
    words = (
        c.args if c.base == "export" else c.variables for c in commands_of(line) if c.base in {"export", ""}
    )
    return dict(word.split("=", 1) for found in words for word in found if "=" in word)


def _answers(url: str) -> bool:
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            with urllib.request.urlopen(url, timeout=PATIENCE):
                return True
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.1)
    return False


def is_run(block: Block, line: str) -> bool:
    """Whether it is entered: only programs that do no harm, and nothing that is said to be elsewhere."""
    commands = commands_of(line)
    prepares = any(command.base in {"export", "mkdir", "cd"} for command in commands)
    wanted = is_ours(line) or prepares
    return wanted and not elsewhere(block, line) and all(command.base in RUN for command in commands)


def is_ours(line: str) -> bool:
    """The demo has a test of its own: it takes no config."""
    return any(c.base == "keysteward" and c.args[:1] != ("demo",) for c in commands_of(line))


def elsewhere(block: Block, line: str) -> str:
    """The test that does what the line does. Empty: none is named."""
    found = (test for (page, part), test in ELSEWHERE.items() if block.page == page and part in line)
    return next(found, "")


def passed_over(block: Block) -> Iterator[str]:
    """Lines with commands of Keysteward that nobody enters, here or elsewhere."""
    for line in lines_of(block.text, block.language):
        test = elsewhere(block, line)
        if is_ours(line) and not is_run(block, line) and not (test and (ROOT / test).is_file()):
            yield f"{block}: {line}: neither run nor in ELSEWHERE of tests/docs/reader.py"


def read(blocks: Sequence[Block], reader: Reader) -> Iterator[Entered]:
    """The page from top to bottom. One that writes no file of its own begins with a config and a run."""
    own = any(block.language == "yaml" and _FILE.match(block.text) for block in blocks)
    if not own:
        whole = (b.text for b in blocks if b.language == "yaml" and is_whole(b.text))
        reader.save("config.yaml", next(whole, CONFIG))
        reader.enter("keysteward run --once")
    for block in blocks:
        file = _FILE.match(block.text) if block.language == "yaml" else None
        if file:
            reader.save(file[1], block.text)
        if block.language in {"sh", "bash", "console"}:
            yield from _lines(block, reader)


def _lines(block: Block, reader: Reader) -> Iterator[Entered]:
    reader.place = "."
    for line in lines_of(block.text, block.language):
        if is_run(block, line):
            placeholder, value = outcome(block, line).reads
            code, printed = reader.enter(line.replace(placeholder, value) if placeholder else line)
            yield Entered(block, line, code, printed)


def outcome(block: Block, line: str) -> Outcome:
    """What is to be expected: exit code 0, unless a row says otherwise."""
    found = (o for o in OUTCOMES if o.page == block.page and o.line in line)
    return next(found, Outcome(block.page, line))


def fault_of(entered: Entered) -> str:
    """What went otherwise than a page says. Empty: nothing."""
    expected = outcome(entered.block, entered.line)
    if entered.code == expected.code and expected.says in entered.printed:
        return ""
    told = f"exit code {entered.code} in place of {expected.code}: {entered.printed[-600:]}"
    return f"{entered.block}: {entered.line}: {told} (what else is right, is a row of OUTCOMES)"
