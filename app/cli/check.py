"""Commands about the config: check-config, schema, iam-policy."""

import os
from datetime import UTC, datetime
from pathlib import Path

import click

from app.cli.options import config_option
from app.cli.show import as_json, echo, warn
from app.config.grants import acts_with_other_roles, grants_of
from app.config.load import check_config, find_config, load_config
from app.config.schema import Config, json_schema
from app.inventory.permissions import PolicyKind, document


@click.command("check-config")
@config_option
def check(config_path: Path | None) -> int:
    """Print every fault of the config at once.

    As FILE:LINE: path: message. Needs no secrets, no AWS.
    """
    path = find_config(config_path, os.environ, Path.cwd())
    faults = check_config(path, os.environ, now=datetime.now(UTC))
    wrong = [fault for fault in faults if fault.severity != "warning"]
    for fault in faults:
        echo(str(fault)) if fault in wrong else warn(f"warning: {fault}")
    if not wrong:
        echo(f"{path or 'The default config'} is fine")
    return 2 if wrong else 0


@click.command()
def schema() -> None:
    """Print the JSON Schema of the config file, for editors."""
    as_json(json_schema())


@click.command("iam-policy")
@click.argument("role", type=click.Choice(["hub", "spoke", "actor"]))
@click.option(
    "--partition",
    type=click.Choice(["aws", "aws-us-gov", "aws-cn"]),
    default="aws",
    show_default=True,
    help="The part of AWS that the accounts are in.",
)
@config_option
def iam_policy(role: PolicyKind, partition: str, config_path: Path | None) -> None:
    """Print the least-privilege policy of a role for this config.

    It follows from the config and its mode. Asks no AWS.

    hub: the service's own; spoke: reads in each account; actor: deactivates and deletes there.
    """
    config, secrets = _with_references(config_path)
    as_json(document(grants_of(config, secrets, role, partition)))
    others = acts_with_other_roles(config)
    if others:
        warn(f"note: no role is named that acts, so these need the actor's policy too: {', '.join(others)}")


def _with_references(config_path: Path | None) -> tuple[Config, list[str]]:
    """The config and its references to AWS Secrets Manager, which nobody may read yet."""
    references: list[str] = []

    def note(reference: str) -> str:
        references.append(reference)
        return f"secretsmanager:{reference}"

    path = find_config(config_path, os.environ, Path.cwd())
    return load_config(path, os.environ, now=datetime.now(UTC), resolver=note), references
