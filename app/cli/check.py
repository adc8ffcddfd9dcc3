"""Commands about the config: check-config, schema, iam-policy."""

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import click

from app.cli import opening
from app.cli.options import config_option
from app.cli.show import as_json, echo, warn
from app.config.asks import asks_for_account_tags, asks_for_units
from app.config.load import check_config, find_config
from app.config.owners import wanted_contacts
from app.config.schema import Config, json_schema
from app.inventory.permissions import (
    CONTACT_ACTIONS,
    COPY_ACTIONS,
    Grant,
    PolicyKind,
    organization_actions,
    policy_document,
    role_pattern,
)
from app.model import Mode
from app.sinks.email.settings import EmailSettings
from app.sinks.sns.settings import SnsSettings


@click.command("check-config")
@config_option
def check(config_path: Path | None) -> int:
    """Print every fault of the config at once, as FILE:LINE: path: message. Needs no secrets, no AWS."""
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
    """Print the least-privilege policy of a role, for this very config and mode.

    hub: the service's own; spoke: reads in each account; actor: deactivates and deletes there.
    """
    config = opening.load(config_path)
    document = policy_document(
        role,
        partition=partition,
        organization=_organization(config),
        role_arns=_roles(config, partition),
        own_account=_reads_own_account(config),
        callers=config.evidence.callers,
        grants=[*sink_actions(config), *owner_actions(config), *audit_actions(config, partition)],
    )
    as_json(document)


def _organization(config: Config) -> Sequence[str]:
    if config.accounts.organization is None:
        return ()
    return organization_actions(asks_for_units(config), asks_for_account_tags(config))


def _reads_own_account(config: Config) -> bool:
    wanted = config.accounts
    nothing = wanted.organization is None and not wanted.static
    return nothing or wanted.organization is not None or any(a.role_arn is None for a in wanted.static)


def _roles(config: Config, partition: str) -> list[str]:
    """Below `enforce` no role that writes is needed, so none may be assumed."""
    acts = config.mode is Mode.ENFORCE
    organization, found = config.accounts.organization, []
    if organization:
        names = [organization.role_name, organization.actor_role_name if acts else None]
        found += [role_pattern(partition, name) for name in names if name]
    for account in config.accounts.static:
        arns = [account.role_arn, account.actor_role_arn if acts else None]
        found += [arn for arn in arns if arn]
    return found


def sink_actions(config: Config) -> list[Grant]:
    """What the hub's sinks do in AWS; nothing in `observe`, which tells nobody anything."""
    if config.mode is Mode.OBSERVE:
        return []
    mails = {a for sink in config.sinks.values() if isinstance(sink, EmailSettings) for a in sink.aws_actions}
    topics = {sink.topic_arn for sink in config.sinks.values() if isinstance(sink, SnsSettings)}
    grants: list[Grant] = [("SendMail", sorted(mails), ("*",))] if mails else []
    return grants + ([("PublishNotices", ("sns:Publish",), sorted(topics))] if topics else [])


def owner_actions(config: Config) -> list[Grant]:
    """What looking for owners asks of AWS beside tags."""
    wanted = wanted_contacts(config.policy().owners)
    return [("ReadContacts", CONTACT_ACTIONS, ("*",))] if wanted else []


def audit_actions(config: Config, partition: str) -> list[Grant]:
    """What copying the audit trail asks of AWS; nothing in `observe`, which copies nothing."""
    s3 = config.audit.s3
    if s3 is None or config.mode is Mode.OBSERVE:
        return []
    return [("CopyAudit", COPY_ACTIONS, (f"arn:{partition}:s3:::{s3.bucket}/{s3.prefix}*",))]
