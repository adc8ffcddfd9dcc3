"""What `keysteward iam-policy` prints for a config."""

import json
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from click.testing import CliRunner

from app.cli.main import cli
from app.inventory.permissions import PolicyKind


def printed_from(path: Path, kind: PolicyKind, partition: str = "aws") -> dict[str, Any]:
    asked = CliRunner().invoke(cli, ["iam-policy", kind, "--partition", partition, "--config", str(path)])
    printed: dict[str, Any] = json.loads(asked.stdout)
    return printed


def printed_for(kind: PolicyKind, config: Mapping[str, Any], partition: str = "aws") -> dict[str, Any]:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "config.yaml"
        path.write_text(yaml.safe_dump(dict(config)))
        return printed_from(path, kind, partition)
