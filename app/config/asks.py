"""What a config asks of AWS Organizations beyond the list of accounts: it costs calls and permissions. And
which access keys the service itself lives by."""

from app.config.schema import Config
from app.policy.rules import OwnerByAccountTag
from app.sinks.email.settings import EmailSettings


def asks_for_account_tags(config: Config) -> bool:
    policy = config.policy()
    by_owners = any(isinstance(source, OwnerByAccountTag) for source in policy.owners)
    return by_owners or any(rule.match.account_tags for rule in policy.rules)


def asks_for_units(config: Config) -> bool:
    """Whether anything is chosen or matched by organizational unit."""
    wanted = config.accounts.organization
    chosen = wanted is not None and bool(wanted.include_ous or wanted.exclude_ous)
    return chosen or any(rule.match.ous for rule in config.policy().rules)


def own_keys(config: Config) -> frozenset[str]:
    """An SMTP user of SES is an access key: with it the mail would end, and the notices."""
    users = (sink.username for sink in config.sinks.values() if isinstance(sink, EmailSettings))
    return frozenset(filter(None, users))
