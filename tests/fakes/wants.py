"""Configs that want as much of AWS as they can, and the policies that are printed for them.

Two, because an organization is listed in one of two ways: by its list, or by its tree where something is
chosen by unit.
"""

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
BUCKET, PREFIX = "example-audit", "keysteward/"
EXTERNAL_ID = "an-external-id"
ELSEWHERE = "ou-ab12-99999999"  # a unit that holds no account
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
# The brake holds the six deactivations, which are approved then, and not the four deletions.
GUARDS: dict[str, Any] = {
    "deactivations_per_run": 100,
    "share_of_account": "100%",
    "brake": {"deactivations": 5, "share": "100%"},
}


def settings(mode: str, actor: bool = True, units: bool = False) -> dict[str, Any]:
    """As much of AWS as a config can want. ``units``: by the organization's tree."""
    roles = {"role_name": SPOKE, "external_id": EXTERNAL_ID} | ({"actor_role_name": ACTOR} if actor else {})
    return {
        "mode": mode,
        "accounts": {"organization": roles | ({"exclude_ous": [ELSEWHERE]} if units else {})},
        "owners": [{"tag": "owner"}, {"account_tag": "team"}, {"account_contact": "security"}],
        "rules": [{"name": "default", "match": {}, "stages": LADDER}],
        "guards": GUARDS,
        "evidence": {"callers": True},
        "sinks": {
            "mail": {"type": "email", "from": SENDER, "transport": "ses"},
            "topic": {"type": "sns", "topic_arn": TOPIC},
        },
        "audit": {"s3": {"bucket": BUCKET, "prefix": PREFIX}},
        "ledger": {"secretsmanager": SECRET},
    }


def printed(kind: PolicyKind, mode: str, units: bool = False) -> dict[str, Any]:
    """The policy that `iam-policy` prints for these settings."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "config.yaml"
        path.write_text(yaml.safe_dump(settings(mode, units=units)))
        return document(grants_of(load_config(path, {}), [SECRET], kind, "aws"))
