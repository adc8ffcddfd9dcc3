"""A config that wants as much of AWS as one can, and the policies that are printed for it."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, get_args

import yaml

from app.config.grants import grants_of
from app.config.load import load_config
from app.inventory.permissions import PolicyKind, document

KINDS: tuple[PolicyKind, ...] = get_args(PolicyKind)
HUB, REGION = "999900001111", "eu-central-1"
SPOKE, ACTOR, HUB_ROLE = "keysteward-spoke", "keysteward-actor", "keysteward-hub"
SECRET, SENDER = "keysteward/ledger", "keys@mail.example.com"
TOPIC = f"arn:aws:sns:{REGION}:{HUB}:keysteward"
EXTERNAL_ID = "an-external-id"
TOLD = ["mail", "topic"]
LADDER: list[dict[str, Any]] = [
    {"name": "final", "when": {"age": "90d"}, "notify": TOLD, "repeat": "1d"},
    {
        "name": "deactivate",
        "when": {"age": "91d"},
        "do": "deactivate",
        "notify": TOLD,
        "require": {"notices": 1, "over": "1d"},
    },
    {"name": "delete", "when": {"inactive": "1d"}, "do": "delete", "notify": TOLD},
]
OPEN: dict[str, Any] = {
    "deactivations_per_run": 100,
    "share_of_account": "100%",
    "brake": {"deactivations": 100, "share": "100%"},
}


def settings(mode: str, actor: bool = True) -> dict[str, Any]:
    """As much of AWS as a config can want."""
    roles = {"role_name": SPOKE, "external_id": EXTERNAL_ID} | ({"actor_role_name": ACTOR} if actor else {})
    return {
        "mode": mode,
        "accounts": {"organization": roles},
        "owners": [{"tag": "owner"}, {"account_tag": "team"}, {"account_contact": "security"}],
        "rules": [{"name": "default", "match": {}, "stages": LADDER}],
        "guards": OPEN,
        "evidence": {"callers": True},
        "sinks": {
            "mail": {"type": "email", "from": SENDER, "transport": "ses"},
            "topic": {"type": "sns", "topic_arn": TOPIC},
        },
        "ledger": {"secretsmanager": SECRET},
    }


def printed(kind: PolicyKind, mode: str) -> dict[str, Any]:
    """The policy that `iam-policy` prints for these settings."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "config.yaml"
        path.write_text(yaml.safe_dump(settings(mode)))
        return document(grants_of(load_config(path, {}), [SECRET], kind, "aws"))
