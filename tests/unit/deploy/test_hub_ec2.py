"""The unit for systemd and its user data against the image and each other."""

import re
import shlex
from pathlib import Path

ROOT = Path(__file__).parents[3]
MODULE = ROOT / "deploy" / "terraform" / "modules" / "hub-ec2"
UNIT = (MODULE / "files" / "keysteward.service").read_text()
USER_DATA = (MODULE / "user-data.sh.tftpl").read_text()
DOCKERFILE = (ROOT / "Dockerfile").read_text()


def words() -> list[str]:
    """Of the one command that starts the service."""
    [command] = re.findall(r"^ExecStart=(.*)$", UNIT.replace("\\\n", " "), re.M)
    return shlex.split(command)


def test_the_container_runs_as_the_images_user_without_rights() -> None:
    given = words()
    assert f"USER {given[given.index('--user') + 1]}" in DOCKERFILE
    assert "--read-only" in given
    assert given[given.index("--cap-drop") + 1] == "ALL"
    assert given[given.index("--security-opt") + 1] == "no-new-privileges"


def test_the_ledgers_folder_is_the_images_and_the_mounted_disk() -> None:
    [volume] = re.findall(r'VOLUME \["(.+)"\]', DOCKERFILE)
    assert f"{volume}:{volume}" in words()
    assert f"RequiresMountsFor={volume}\n" in UNIT
    assert f"mount {volume}\n" in USER_DATA


def test_what_the_unit_wants_of_its_environment_the_user_data_writes() -> None:
    wanted = set(re.findall(r"\$\{(\w+)\}", UNIT + (MODULE / "files" / "keysteward-pull").read_text()))
    [written] = re.findall(r"<<'END'\n(.+?)\nEND", USER_DATA, re.S)
    assert {line.partition("=")[0] for line in written.splitlines()} == wanted
