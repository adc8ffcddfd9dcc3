"""Every type of sink that the config can name: an explicit table, and what other packages offer.

Reading it is cheap (the config is validated with it): an adapter and its SDK are imported when the
first sink of that type is built, another package when the config names its type (docs/sinks.md).
"""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import EntryPoint, EntryPoints, entry_points
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from app.errors import ConfigError
from app.sinks.console.settings import ConsoleSettings
from app.sinks.email.settings import EmailSettings
from app.sinks.interface import Sink
from app.sinks.jira.settings import JiraSettings
from app.sinks.slack.settings import SlackSettings
from app.sinks.sns.settings import SnsSettings
from app.sinks.webhook.settings import WebhookSettings

if TYPE_CHECKING:
    from app.sinks.tools import Tools

GROUP = "keysteward.sinks"  # of entry points, each of which loads to a `SinkType`


@dataclass(frozen=True, slots=True)
class SinkType:
    """``build(name, settings, tools)`` makes no request; `ConfigError` names a missing secret.

    ``settings`` has a field ``type``, which holds the type's name.
    """

    settings: type[BaseModel]
    build: Callable[[str, Any, "Tools"], Sink]


def _slack(name: str, settings: SlackSettings, tools: "Tools") -> Sink:
    from app.sinks.slack.sink import SlackSink
    from app.sinks.slack.webhook import SlackWebhookSink

    if settings.webhook_url:
        return SlackWebhookSink(name, settings, tools)
    return SlackSink(name, settings, tools)


def _jira(name: str, settings: JiraSettings, tools: "Tools") -> Sink:
    from app.sinks.jira.sink import JiraSink

    return JiraSink(name, settings, tools)


def _console(name: str, settings: ConsoleSettings, tools: "Tools") -> Sink:
    from rich.console import Console

    from app.sinks.console.sink import ConsoleSink

    return ConsoleSink(name, Console(), tools.texts, counts=settings.counts, look=settings.look)


def _email(name: str, settings: EmailSettings, tools: "Tools") -> Sink:
    from app.sinks.email.sink import EmailSink

    return EmailSink(name, settings, tools)


def _webhook(name: str, settings: WebhookSettings, tools: "Tools") -> Sink:
    from app.sinks.webhook.sink import WebhookSink

    return WebhookSink(name, settings, tools)


def _sns(name: str, settings: SnsSettings, tools: "Tools") -> Sink:
    from app.sinks.sns.sink import SnsSink

    return SnsSink(name, settings, tools)


SINKS: Mapping[str, SinkType] = {
    "slack": SinkType(SlackSettings, _slack),
    "jira": SinkType(JiraSettings, _jira),
    "console": SinkType(ConsoleSettings, _console),
    "email": SinkType(EmailSettings, _email),
    "webhook": SinkType(WebhookSettings, _webhook),
    "sns": SinkType(SnsSettings, _sns),
}


def names() -> list[str]:
    """Every type that is built in or installed. Imports none of them."""
    return list(dict.fromkeys([*SINKS, *sorted(_offers(tuple(sys.path)).names)]))


def sink_type(kind: str) -> SinkType:
    """The type of that name, one of `names`. Raises `ConfigError`, which names the package at fault."""
    offers = tuple(_offers(tuple(sys.path)).select(name=kind))
    if offers and (kind in SINKS or len(offers) > 1):
        who = " and ".join(sorted({_package(offer) for offer in offers}))
        first = "which is built in" if kind in SINKS else "each"
        raise ConfigError(f'{who} offers a sink of the type "{kind}", {first}: uninstall what is too many')
    return SINKS[kind] if kind in SINKS else _loaded(offers[0])


@lru_cache(maxsize=1)
def _offers(_path: tuple[str, ...]) -> EntryPoints:
    """Every installed package is opened for this: once a process is enough."""
    return entry_points(group=GROUP)


def _loaded(offer: EntryPoint) -> SinkType:
    try:
        found = offer.load()
    except Exception as error:  # whatever another's module does when it is imported
        why = f"{type(error).__name__} in {offer.value}"
        raise ConfigError(f'{_package(offer)}: its sink "{offer.name}" can\'t be imported: {why}') from None
    if isinstance(found, SinkType) and "type" in found.settings.model_fields:
        return found
    wanted = "a SinkType whose settings have a field type"
    raise ConfigError(f'{_package(offer)}: its sink "{offer.name}" is not {wanted}')


def _package(offer: EntryPoint) -> str:
    return f"the package {offer.dist.name}" if offer.dist else "an installed package"
