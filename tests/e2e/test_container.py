"""The image as it ships: built by the engine, run without root on a read-only file system."""

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import app

ROOT = Path(__file__).parents[2]
BASE = "python:3.13-slim"
TAG = "keysteward:test"
HARDENED = ("--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--security-opt", "no-new-privileges")

pytestmark = pytest.mark.container

CONFIG = """\
accounts: {static: [{id: "111122223333", name: nowhere, role_arn: "arn:aws:iam::111122223333:role/none"}]}
"""
# An endpoint that refuses at once: the daemon must live on and say that the account failed.
ENVIRONMENT = {
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "us-east-1",
}


def docker(*arguments: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ("docker", *arguments), capture_output=True, text=True, timeout=timeout, check=False
    )


def inspect(name: str, template: str) -> str:
    return docker("inspect", "--format", template, name).stdout.strip()


def eventually(name: str, template: str, wanted: str, seconds: float) -> str:
    """Polls `docker inspect` until it answers ``wanted``; returns the last answer."""
    until = time.monotonic() + seconds
    while (answer := inspect(name, template)) != wanted and time.monotonic() < until:
        time.sleep(0.5)
    return answer


@pytest.fixture(scope="module")
def image() -> str:
    if shutil.which("docker") is None or docker("info").returncode != 0:
        pytest.skip("no container engine answers")
    if docker("image", "inspect", BASE).returncode != 0 and docker("pull", BASE, timeout=300).returncode != 0:
        pytest.skip(f"the base image {BASE} can't be had here")
    stamp = ("--build-arg", f"VERSION={app.__version__}", "--build-arg", "COMMIT=0123abc")
    built = docker("build", "--network", "host", *stamp, "--tag", TAG, str(ROOT), timeout=900)
    assert built.returncode == 0, built.stdout[-2000:] + built.stderr[-2000:]
    return TAG


@pytest.fixture
def daemon(image: str, tmp_path: Path) -> Iterator[str]:
    config = tmp_path / "config.yaml"
    config.write_text(CONFIG)
    config.chmod(0o644)
    name = f"keysteward-test-{tmp_path.name}"
    mounts = ("-v", f"{config}:/etc/keysteward/config.yaml:ro", "-v", f"{name}:/var/lib/keysteward")
    variables = [part for key, value in ENVIRONMENT.items() for part in ("-e", f"{key}={value}")]
    started = docker(
        "run", "-d", "--name", name, "--network", "none", "--health-interval", "2s", *HARDENED, *mounts,
        *variables, image,
    )  # fmt: skip
    assert started.returncode == 0, started.stderr
    yield name
    docker("rm", "--force", name)
    docker("volume", "rm", "--force", name)


def run(image: str, *arguments: str, entrypoint: str | None = None) -> subprocess.CompletedProcess[str]:
    entry = ("--entrypoint", entrypoint) if entrypoint else ()
    return docker("run", "--rm", "--network", "none", *HARDENED, *entry, image, *arguments)


def test_it_tells_its_version(image: str) -> None:
    answer = run(image, "--version")
    assert answer.returncode == 0, answer.stderr
    assert app.__version__ in answer.stdout


def test_it_runs_as_a_numeric_user_that_is_not_root(image: str) -> None:
    assert inspect(image, "{{.Config.User}}") == "10001:10001"
    assert run(image, "-u", entrypoint="id").stdout.strip() == "10001"


def test_only_the_ledger_and_tmp_can_be_written(image: str) -> None:
    script = "touch /var/lib/keysteward/a /tmp/a && ! touch /etc/keysteward/a && ! touch /opt/keysteward/a"
    answer = run(image, "-c", script, entrypoint="sh")
    assert answer.returncode == 0, answer.stderr


def test_its_labels_say_version_and_commit(image: str) -> None:
    labels = json.loads(inspect(image, "{{json .Config.Labels}}"))
    said = {name.removeprefix("org.opencontainers.image."): value for name, value in labels.items()}
    assert (said["version"], said["revision"]) == (app.__version__, "0123abc")
    assert said["licenses"] == "Apache-2.0"


def test_what_builds_it_does_not_ship(image: str) -> None:
    script = (
        "import importlib.util as u, sys; sys.exit(any(map(u.find_spec, ('pip', 'setuptools', 'pytest'))))"
    )
    answer = run(image, "-c", script, entrypoint="/opt/keysteward/bin/python")
    assert (answer.returncode, answer.stderr) == (0, "")


def test_it_holds_every_file_of_the_package(image: str) -> None:
    script = "cd /opt/keysteward/lib/python3*/site-packages && find app -type f ! -name '*.pyc'"
    shipped = set(run(image, "-c", script, entrypoint="sh").stdout.split())
    written = {path.relative_to(ROOT) for path in (ROOT / "app").rglob("*") if path.is_file()}
    assert shipped == {str(path) for path in written if path.suffix != ".pyc"}


def test_it_brings_no_secret_and_no_leftovers(image: str) -> None:
    added = set(json.loads(inspect(image, "{{json .Config.Env}}"))) - set(
        json.loads(inspect(BASE, "{{json .Config.Env}}")) or ()
    )
    names = {entry.partition("=")[0] for entry in added}
    assert names == {"PATH", "PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED", "HEALTH_URL"}
    answer = run(image, "-c", "ls -A /src /root/.aws /opt/keysteward/.env /etc/keysteward", entrypoint="sh")
    assert answer.stdout.split() == ["/etc/keysteward:"]


def test_the_daemon_becomes_healthy_although_aws_does_not_answer(daemon: str) -> None:
    health = eventually(daemon, "{{.State.Health.Status}}", "healthy", seconds=60)
    assert health == "healthy", docker("logs", daemon).stderr[-3000:]


def test_sigterm_ends_the_daemon_well_within_ten_seconds(daemon: str) -> None:
    assert eventually(daemon, "{{.State.Health.Status}}", "healthy", seconds=60) == "healthy"
    started = time.monotonic()
    docker("stop", "--time", "30", daemon)
    assert time.monotonic() - started < 10
    assert inspect(daemon, "{{.State.ExitCode}}") == "0", docker("logs", daemon).stderr[-3000:]
