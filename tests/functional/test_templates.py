"""Templates and previews from outside: exit codes, and a daemon that refuses to start."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

FAULT = 'title.j2:1: templates: unknown name "who": it is given message, notices, notice'


def keysteward(folder: Path, *args: str) -> "subprocess.CompletedProcess[str]":
    env = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "KEYSTEWARD_"))}
    env["PYTHONPATH"] = str(Path(__file__).parents[2])
    command = [sys.executable, "-m", "app", *args]
    done = subprocess.run(
        command, env=env, cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )
    assert "Traceback" not in done.stderr
    return done


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "title.j2").write_text("{{ who }}")
    (tmp_path / "config.yaml").write_text("mode: observe\ntemplates: texts\n")
    return tmp_path


def test_check_config_lists_the_fault_and_the_daemon_does_not_start(broken: Path) -> None:
    checked = keysteward(broken, "check-config")
    started = keysteward(broken, "run")
    assert (checked.returncode, started.returncode) == (2, 2)
    assert FAULT in checked.stdout
    assert FAULT in started.stderr


def test_preview_needs_no_config_and_ends_with_2_on_what_is_not_there(tmp_path: Path) -> None:
    shown = keysteward(tmp_path, "preview", "--sink", "console", "--stage", "final")
    assert shown.returncode == 0
    assert "will be deactivated on" in shown.stdout
    unknown = keysteward(tmp_path, "preview", "--sink", "console", "--stage", "finl")
    assert unknown.returncode == 2
    assert "default has warn, ticket, final, deactivate, delete" in unknown.stderr
    nowhere = keysteward(
        tmp_path, "preview", "--sink", "console", "--stage", "final", "--html", "no/such/page.html"
    )
    assert nowhere.returncode == 2
    gone = keysteward(tmp_path, "preview", "--sink", "console", "--stage", "final", "--key", "ZZZZ")
    assert gone.returncode == 1
