"""The demo from outside: the whole ladder, on a real port, with a real ledger."""

import re
import subprocess
import sys

import pytest

WORDS = ("warn", "ticket", "final", "deactivated", "restored", "resolved", "deleted", "held", "can't read")


@pytest.mark.slow
def test_the_demo_walks_the_whole_ladder_and_ends() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "app", "demo", "--once"],
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for word in WORDS:
        assert re.search(rf"^  {word} ", done.stdout, re.MULTILINE), word
    journey = " ".join(done.stdout.split())
    assert "deactivated d18 → restored d19 → final d26 → resolved d29" in journey
    assert "Rule 'break-glass' exempts it" in journey
    assert not re.search(r"A(KI|SI)A[A-Z0-9]{16}", done.stdout + done.stderr)
    assert "Traceback" not in done.stderr
