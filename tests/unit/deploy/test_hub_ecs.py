"""The module for ECS against the code: the ledger's table, the config in the environment, the container."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from app.config.load import load_config
from app.errors import NoLedger
from app.ledger.dynamodb.address import Address
from app.ledger.dynamodb.making import TableMaker
from app.web.gate import OPEN_PATHS

ROOT = Path(__file__).parents[3]
MODULE = ROOT / "deploy" / "terraform" / "modules" / "hub-ecs"
CONTAINER = (MODULE / "main.tf").read_text()


@dataclass
class Recorder:
    """A `Wire` where there is no table yet; it keeps what is asked for."""

    asked: dict[str, Mapping[str, Any]] = field(default_factory=dict)

    def call(self, operation: str, **params: Any) -> Mapping[str, Any]:
        if operation == "describe_table" and "create_table" not in self.asked:
            raise NoLedger("there is none")
        self.asked[operation] = params
        table = {"TableStatus": "ACTIVE", "KeySchema": self.asked["create_table"]["KeySchema"]}
        return {"Table": table, "TimeToLiveDescription": {}}


def made() -> Mapping[str, Any]:
    wire = Recorder()
    TableMaker(wire, Address("keysteward")).make()
    return wire.asked


def test_the_table_is_the_one_that_ledger_migrate_makes() -> None:
    asked, table = made(), re.sub(r" +", " ", (MODULE.parent / "ledger" / "main.tf").read_text())
    keys = {key["KeyType"]: key["AttributeName"] for key in asked["create_table"]["KeySchema"]}
    assert f'hash_key = "{keys["HASH"]}"' in table
    assert f'range_key = "{keys["RANGE"]}"' in table
    types = {
        one["AttributeName"]: one["AttributeType"] for one in asked["create_table"]["AttributeDefinitions"]
    }
    assert dict(re.findall(r'name = "(\w+)"\n type = "(\w)"', table)) == types
    assert f'billing_mode = "{asked["create_table"]["BillingMode"]}"' in table
    ttl = asked["update_time_to_live"]["TimeToLiveSpecification"]["AttributeName"]
    assert f'ttl {{\n attribute_name = "{ttl}"\n enabled = true' in table
    assert asked["update_continuous_backups"]["PointInTimeRecoverySpecification"][
        "PointInTimeRecoveryEnabled"
    ]
    assert "point_in_time_recovery {\n enabled = true" in table
    assert "deletion_protection_enabled = var.deletion_protection" in table


def test_a_config_in_the_environment_decides_as_the_file_does(tmp_path: Path) -> None:
    """Each top-level setting is a variable, as the module writes them: text as it is, all else as JSON."""
    path = ROOT / "config.example.yaml"
    document = yaml.safe_load(path.read_text())
    text = {str: str, int: str, float: str}
    given = {
        f"KEYSTEWARD_{key.upper()}": text.get(type(value), json.dumps)(value)
        for key, value in document.items()
    }
    empty = tmp_path / "config.yaml"
    empty.write_text("{}")
    assert load_config(empty, given).model_dump() == load_config(path, {}).model_dump()


def test_the_container_is_as_the_image_says() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert "USER 10001:10001" in dockerfile
    assert re.search(r'user += "10001:10001"', CONTAINER)
    [volume] = re.findall(r'VOLUME \["(.+)"\]', dockerfile)
    assert re.search(rf'state += "{volume}"', CONTAINER)
    assert "/healthz" in OPEN_PATHS
    assert ":${local.port}/healthz" in CONTAINER
    [listen] = re.findall(r'local.config.http.listen, "(.+?)"', CONTAINER)
    assert listen == load_config(None, {}).http.listen
