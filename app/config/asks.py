"""What a config asks of AWS Organizations beyond the list of accounts: it costs calls and permissions."""

from app.config.schema import Config
from app.policy.rules import OwnerByAccountTag


def asks_for_account_tags(config: Config) -> bool:
    policy = config.policy()
    by_owners = any(isinstance(source, OwnerByAccountTag) for source in policy.owners)
    return by_owners or any(rule.match.account_tags for rule in policy.rules)


def asks_for_units(config: Config) -> bool:
    """Whether anything is chosen or matched by organizational unit."""
    wanted = config.accounts.organization
    chosen = wanted is not None and bool(wanted.include_ous or wanted.exclude_ous)
    return chosen or any(rule.match.ous for rule in config.policy().rules)
