"""What can't change while the service runs. A config that asks for it is refused whole."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from app.config.layers import is_reference
from app.config.lint import Issue
from app.config.schema import Config

RESTART = "can't change while the service runs: restart it, or take the change back"


def fixed_faults(config: Config, running: Config) -> Iterator[Issue]:
    """One fault for each setting in which ``config`` differs from the one in force and must not."""
    if _place(config.ledger_url) != _place(running.ledger_url) and not is_reference(config.ledger_url):
        yield Issue(("ledger",), RESTART)
    if config.lease != running.lease:  # the ledger keeps the term that it was opened with
        yield Issue(("lease",), RESTART)
    if any(map(is_reference, config.http.secrets)):
        return  # a secret that can't be read is a fault already, and no other setting
    for name in type(config.http).model_fields:
        if getattr(config.http, name) != getattr(running.http, name):
            yield Issue(("http", name), RESTART)


def _place(url: str) -> Any:
    """A ledger's URL without its login, which may be rotated: the ledger is still the same."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2])
