"""What a config needs of AWS, role by role: the same conditions under which the code calls it."""

from collections.abc import Sequence

from app.config.asks import asks_for_account_tags, asks_for_units
from app.config.owners import wanted_contacts
from app.config.schema import Config
from app.inventory import permissions
from app.inventory.permissions import Grant, PolicyKind, role_pattern
from app.ledger.dynamodb.address import Address
from app.model import Mode
from app.sinks.email.settings import EmailSettings
from app.sinks.sns.settings import SnsSettings


def grants_of(config: Config, secrets: Sequence[str], kind: PolicyKind, partition: str) -> list[Grant]:
    """The statements of a role's policy. ``secrets``: the references (``NAME`` or ``NAME#KEY``) to AWS
    Secrets Manager that the config was written with."""
    if kind == "actor":
        return permissions.acting(partition)
    reading = permissions.reading(partition, _looks_up_callers(config))
    return reading if kind == "spoke" else _hub(config, secrets, partition, reading)


def _hub(config: Config, secrets: Sequence[str], partition: str, reading: Sequence[Grant]) -> list[Grant]:
    names = [reference.partition("#")[0] for reference in secrets]
    return [
        *permissions.assuming(_roles(config, partition)),
        *_listing(config, partition),
        *(reading if _reads_own_account(config) else ()),
        *_contacts(config, partition),
        *permissions.secrets(partition, names),
        *_sinks(config, partition),
        *_audit(config, partition),
        *_ledger(config, partition),
    ]


def _looks_up_callers(config: Config) -> bool:
    """It is done just before somebody is warned, and `observe` warns nobody."""
    return config.evidence.callers and config.mode is not Mode.OBSERVE


def acts_with_other_roles(config: Config) -> list[str]:
    """Who needs the actor's policy although it is not the actor: where none is named, whoever reads acts."""
    if config.mode is not Mode.ENFORCE:
        return []
    wanted, found = config.accounts, list[str]()
    if wanted.organization and not wanted.organization.actor_role_name:
        found += [f"the role {wanted.organization.role_name}", "the hub"]  # in its own account
    alone = [a for a in wanted.static if not a.actor_role_arn and _acts(config, a.mode)]
    found += [a.role_arn or "the hub" for a in alone]
    current = wanted.organization is None and not wanted.static
    return list(dict.fromkeys([*found, "the hub"] if current else found))


def _listing(config: Config, partition: str) -> list[Grant]:
    if config.accounts.organization is None:
        return []
    return permissions.listing(partition, asks_for_units(config), asks_for_account_tags(config))


def _contacts(config: Config, partition: str) -> list[Grant]:
    others = config.accounts.organization is not None or any(a.role_arn for a in config.accounts.static)
    return permissions.contacts(partition, others) if wanted_contacts(config.policy().owners) else []


def _reads_own_account(config: Config) -> bool:
    wanted = config.accounts
    nothing = wanted.organization is None and not wanted.static
    return nothing or wanted.organization is not None or any(a.role_arn is None for a in wanted.static)


def _roles(config: Config, partition: str) -> list[str]:
    """Below `enforce` no role that writes is needed, so none may be assumed."""
    organization, found = config.accounts.organization, []
    if organization:
        names = [organization.role_name, organization.actor_role_name if _acts(config, None) else None]
        found += [role_pattern(partition, name) for name in names if name]
    for account in config.accounts.static:
        arns = [account.role_arn, account.actor_role_arn if _acts(config, account.mode) else None]
        found += [arn for arn in arns if arn]
    return found


def _acts(config: Config, mode: Mode | None) -> bool:
    return Mode.lowest(config.mode, mode) is Mode.ENFORCE


def _sinks(config: Config, partition: str) -> list[Grant]:
    """What the hub's sinks do in AWS; nothing in `observe`, which tells nobody anything."""
    if config.mode is Mode.OBSERVE:
        return []
    sinks = config.sinks.values()
    topics = {sink.topic_arn for sink in sinks if isinstance(sink, SnsSettings)}
    mails = [sink for sink in sinks if isinstance(sink, EmailSettings) and sink.transport == "ses"]
    published: Grant = ("PublishNotices", ("sns:Publish",), sorted(topics))
    return _mail(mails, partition) + ([published] if topics else [])


def _audit(config: Config, partition: str) -> list[Grant]:
    """Nothing in `observe`, which copies nothing."""
    s3 = config.audit.s3
    if s3 is None or config.mode is Mode.OBSERVE:
        return []
    return permissions.copying(partition, s3.bucket, s3.prefix)


def _ledger(config: Config, partition: str) -> list[Grant]:
    """In every mode. A ledger whose URL is a secret is not looked up for it."""
    if not config.ledger_url.startswith("dynamodb:"):
        return []
    address = Address.parse(config.ledger_url)
    return permissions.remembering(partition, address.region, address.table)


def _mail(sinks: Sequence[EmailSettings], partition: str) -> list[Grant]:
    if not sinks:
        return []
    arns = {arn for sink in sinks for arn in sink.ses_arns(partition)}
    return [
        ("SendMail", ("ses:SendRawEmail",), sorted(arns)),
        ("ReadSuppressionList", ("ses:GetSuppressedDestination",), permissions.ANYTHING),
    ]
