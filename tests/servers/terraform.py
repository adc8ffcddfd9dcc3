"""Terraform as it is installed, with the AWS provider from a folder on disk: nothing is fetched."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
PROVIDER = "registry.terraform.io/hashicorp/aws"
PATIENCE = 900.0  # seconds a command: the provider alone takes half a minute to start on a busy machine
# Where Terraform itself looks (its documentation: implied local mirror directories); and one below /opt.
STANDARD = (
    "~/.terraform.d/plugins",
    "~/.local/share/terraform/plugins",
    "/usr/local/share/terraform/plugins",
    "/usr/share/terraform/plugins",
)


@dataclass(frozen=True)
class Terraform:
    """In ``folder``, a module or a root. ``env``: what its commands get beside the machine's own."""

    folder: Path
    env: Mapping[str, str] = field(default_factory=dict)

    def run(self, *args: str) -> str:
        """What it printed. Raises AssertionError when it failed."""
        done = subprocess.run(
            ("terraform", *args), cwd=self.folder, env={**os.environ, **self.env}, check=False,
            capture_output=True, text=True, timeout=PATIENCE,
        )  # fmt: skip
        assert done.returncode == 0, f"{' '.join(args)}: {done.stdout[-6000:]}{done.stderr[-6000:]}"
        return done.stdout

    def init(self) -> None:
        self.run("init", "-backend=false", "-input=false", "-no-color")


def cli_config(folder: Path) -> Path:
    """The CLI config that is set, or one for the provider's folder. Skips where there is neither."""
    if shutil.which("terraform") is None:
        pytest.skip("terraform is not installed")
    given = os.environ.get("TF_CLI_CONFIG_FILE")
    if given and Path(given).is_file():
        return Path(given)
    mirror = next(_mirrors(), None)
    if mirror is None:
        pytest.skip("no folder holds Terraform's AWS provider, and TF_CLI_CONFIG_FILE names none")
    made = folder / "terraform.rc"
    made.write_text(f'provider_installation {{\n  filesystem_mirror {{ path = "{mirror}" }}\n}}\n')
    return made


def _mirrors() -> Iterator[Path]:
    places = [*(Path(name).expanduser() for name in STANDARD), *sorted(Path("/opt").glob("*"))]
    yield from (place for place in places if (place / PROVIDER).is_dir())


def copied(folder: Path, place: str, env: Mapping[str, str] | None = None) -> Terraform:
    """A copy of all that is deployed, so that nothing is left in the repository; at ``place`` in it."""
    config = cli_config(folder)
    shutil.copytree(DEPLOY, folder / "deploy", ignore=shutil.ignore_patterns(".terraform*"))
    own = {"TF_CLI_CONFIG_FILE": str(config), "CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1"}
    return Terraform(folder / "deploy" / "terraform" / place, own | dict(env or {}))


def places() -> Sequence[str]:
    """Every module and every example, as paths below `deploy/terraform`."""
    found = (DEPLOY / "terraform").glob("*/*/")
    return sorted(str(path.relative_to(DEPLOY / "terraform")) for path in found)
