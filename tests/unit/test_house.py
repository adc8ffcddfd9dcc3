"""What keeps the repository honest: locks, targets, versions and texts that would drift unseen."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import app
from app.cli.main import cli

ROOT = Path(__file__).parents[2]
LOCKS = sorted((ROOT / "requirements").glob("*.txt"))
each_lock = pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: str(lock.stem))


def locked(lock: Path) -> list[str]:
    """One string a package, its continuation lines joined and the comments dropped."""
    lines = [line for line in lock.read_text().splitlines() if not line.lstrip().startswith("#")]
    return "\n".join(lines).replace("\\\n", " ").splitlines()


def pins(lock: Path) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for entry in locked(lock):
        requirement = Requirement(entry.split(" --hash")[0])
        found.setdefault(requirement.name, set()).add(str(requirement.specifier))
    return found


def project() -> dict[str, object]:
    data: dict[str, object] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return data


def test_every_kind_of_lock_is_there() -> None:
    assert [lock.stem for lock in LOCKS] == ["base", "build", "demo", "dev"]


@each_lock
def test_every_locked_package_has_an_exact_version_and_hashes(lock: Path) -> None:
    entries = locked(lock)
    assert entries
    loose = [entry for entry in entries if not re.search(r"==\S+.* --hash=sha256:[0-9a-f]{64}", entry)]
    assert loose == []


@each_lock
def test_a_lock_names_no_index_and_no_local_path(lock: Path) -> None:
    text = lock.read_text()
    assert (
        re.findall(
            r"https?://|file:|--index|--extra-index|--find-links|--trusted-host| @ |/tmp/|/home/", text
        )
        == []
    )


def test_the_smaller_locks_agree_with_the_one_for_development() -> None:
    dev = pins(ROOT / "requirements/dev.txt")
    for lock in LOCKS:
        assert {name: dev.get(name) for name in pins(lock)} == pins(lock), lock.name


def test_the_locks_hold_the_declared_dependencies_within_their_ranges() -> None:
    declared = project()["dependencies"]
    assert isinstance(declared, list)
    base = {name.lower().replace("_", "-"): versions for name, versions in pins(LOCKS[0]).items()}
    for line in declared:
        wanted = Requirement(line)
        versions = base[wanted.name.lower().replace("_", "-")]
        assert all(wanted.specifier.contains(version.removeprefix("==")) for version in versions), line


def test_every_target_of_the_makefile_says_what_it_does() -> None:
    makefile = (ROOT / "Makefile").read_text()
    phony = re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)[0].split()
    described = re.findall(r"^([a-z-]+):.*## \S", makefile, re.MULTILINE)
    assert sorted(phony) == sorted(described)


def test_the_license_is_the_whole_apache_license() -> None:
    text = (ROOT / "LICENSE").read_text()
    assert project()["license"] == "Apache-2.0"
    assert "Apache License\n                           Version 2.0, January 2004" in text
    assert all(f"\n   {number}. " in text for number in range(1, 10))
    assert "END OF TERMS AND CONDITIONS" in text


def test_the_version_is_said_once_and_the_changelog_knows_it() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert "version" in settings["project"]["dynamic"]
    assert settings["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "app.__version__"}
    assert re.search(rf"^## \[{re.escape(app.__version__)}\] - \d{{4}}-\d\d-\d\d$", changelog(), re.MULTILINE)


def changelog() -> str:
    return (ROOT / "CHANGELOG.md").read_text()


def test_the_compose_file_runs_the_present_version() -> None:
    assert f":-{app.__version__}}}" in (ROOT / "docker-compose.yml").read_text()


def test_the_readme_names_every_command() -> None:
    readme = (ROOT / "README.md").read_text()
    assert [name for name in cli.commands if not re.search(rf"`(keysteward )?{name}[ `]", readme)] == []
