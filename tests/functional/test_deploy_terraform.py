"""Terraform itself on every module and example: format, validity, and their own tests with a mocked AWS."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.servers.terraform import DEPLOY, copied, places

pytestmark = pytest.mark.slow


def test_everything_is_formatted() -> None:
    if shutil.which("terraform") is None:
        pytest.skip("terraform is not installed")
    checked = subprocess.run(
        ("terraform", "fmt", "-check", "-recursive", "-no-color", str(DEPLOY / "terraform")),
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert (checked.returncode, checked.stdout) == (0, "")


@pytest.mark.parametrize("place", places())
def test_it_is_valid_and_its_own_tests_pass(place: str, tmp_path: Path) -> None:
    terraform = copied(tmp_path, place)
    terraform.init()
    terraform.run("validate", "-no-color")
    if (terraform.folder / "tests").is_dir():
        assert ", 0 failed" in terraform.run("test", "-no-color")


def test_every_module_has_tests() -> None:
    modules = [DEPLOY / "terraform" / place for place in places() if place.startswith("modules/")]
    assert modules
    assert [m.name for m in modules if not list(m.glob("tests/*.tftest.hcl"))] == []


def test_systemd_takes_the_unit() -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    unit = DEPLOY / "terraform" / "modules" / "hub-ec2" / "files" / "keysteward.service"
    checked = subprocess.run(
        ("systemd-analyze", "verify", "--man=no", str(unit)),
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    faults = [line for line in checked.stderr.splitlines() if "is not executable" not in line]
    assert [line for line in faults if unit.name in line] == []  # Docker itself may not be here
