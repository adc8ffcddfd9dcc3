"""What `keysteward iam-policy` prints for a config, in this process."""

import json
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml

from app.config.grants import grants_of
from app.config.load import load_config
from app.inventory.permissions import PolicyKind, document


def printed_from(path: Path, kind: PolicyKind, partition: str = "aws") -> dict[str, Any]:
    """Of a config whose secrets are none of AWS Secrets Manager's."""
    made = document(grants_of(load_config(path, {}), [], kind, partition))
    read: dict[str, Any] = json.loads(json.dumps(made))
    return read


def printed_for(kind: PolicyKind, config: Mapping[str, Any], partition: str = "aws") -> dict[str, Any]:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "config.yaml"
        path.write_text(yaml.safe_dump(dict(config)))
        return printed_from(path, kind, partition)
