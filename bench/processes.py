"""The processes of a benchmark: the fake AWS, and each thing that is measured against it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.request import urlopen

from bench.fleet import Fleet

ROOT = Path(__file__).parents[1]
FORGOTTEN = ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_IAM", "AWS_ENDPOINT_URL_STS")


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one whole process, its end included. Seconds and MiB."""

    wall: float
    cpu: float
    peak_mb: float
    exit: int
    said: str = ""  # the end of what it wrote to stderr


@dataclass(frozen=True)
class Service:
    """How the fake AWS behaves: seconds, and calls a second and account (0: no limit)."""

    latency: float = 0.03
    rate: float = 0
    burst: float = 50
    report_seconds: float = 0.5


@dataclass(frozen=True)
class Calls:
    """By ``service:Action``."""

    by_action: Mapping[str, int]
    throttled: int = 0

    @property
    def total(self) -> int:
        return sum(self.by_action.values())


@dataclass(frozen=True)
class Aws:
    """A running fake AWS."""

    url: str
    fleet: Fleet
    service: Service = field(default_factory=Service)

    def reset(self) -> None:
        """Counts from zero, full buckets, every credential report expired."""
        self._ask("reset")

    def calls(self) -> Calls:
        told = json.loads(self._ask("calls"))
        return Calls(told["calls"], sum(told["throttled"].values()))

    def _ask(self, what: str) -> bytes:
        with urlopen(f"{self.url}/bench/{what}", timeout=60) as answer:
            data: bytes = answer.read()
        return data

    def environment(self) -> dict[str, str]:
        """What makes any AWS SDK talk to the fake, and to nothing else."""
        own = {name: value for name, value in os.environ.items() if name not in FORGOTTEN}
        return own | {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "AKIAHUBHUBHUBHUBHUBH",
            "AWS_SECRET_ACCESS_KEY": "not-a-secret",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": "/nonexistent",
            "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
        }


@contextmanager
def fake_aws(fleet: Fleet, service: Service) -> Iterator[Aws]:
    """A fake AWS in a process of its own."""
    options = {
        "accounts": fleet.accounts,
        "users": fleet.users,
        "seed": fleet.seed,
        "now": fleet.now,
        "latency": service.latency,
        "rate": service.rate,
        "burst": service.burst,
        "report-seconds": service.report_seconds,
    }
    command = [
        sys.executable,
        "-m",
        "bench.fake_aws",
        *(f"--{name}={value}" for name, value in options.items()),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        try:
            assert process.stdout
            yield Aws(process.stdout.readline().strip(), fleet, service)
        finally:
            process.terminate()


def measure(command: Sequence[str], environment: Mapping[str, str], tree: bool = False) -> Cost:
    """Runs ``command`` to its end. ``tree``: its memory is that of all its processes together."""
    with TemporaryDirectory() as folder:
        result, errors = Path(folder, "cost.json"), Path(folder, "stderr")
        wrapper = [sys.executable, "-S", "-E", str(ROOT / "bench/measured.py"), str(result)]
        with errors.open("wb") as file:
            whole = [*wrapper, *(["--tree"] if tree else []), *command]
            subprocess.run(
                whole, env=environment, cwd=ROOT, check=True, stdout=subprocess.DEVNULL, stderr=file
            )
        return Cost(**json.loads(result.read_text()), said=errors.read_text(errors="replace")[-600:])
