"""Every type of sink that the config can name: an explicit table.

Reading it is cheap (the config is validated with it): an adapter and its SDK are imported when the
first sink of that type is built.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from app.sinks.console.settings import ConsoleSettings
from app.sinks.email.settings import EmailSettings
from app.sinks.interface import Sink
from app.sinks.jira.settings import JiraSettings
from app.sinks.slack.settings import SlackSettings
from app.sinks.tools import Tools


@dataclass(frozen=True, slots=True)
class SinkType:
    """``build(name, settings, tools)`` makes no request; `ConfigError` names a missing secret."""

    settings: type[BaseModel]
    build: Callable[[str, Any, Tools], Sink]


def _slack(name: str, settings: SlackSettings, tools: Tools) -> Sink:
    from app.sinks.slack.sink import SlackSink
    from app.sinks.slack.webhook import SlackWebhookSink

    if settings.webhook_url:
        return SlackWebhookSink(name, settings, tools)
    return SlackSink(name, settings, tools)


def _jira(name: str, settings: JiraSettings, tools: Tools) -> Sink:
    from app.sinks.jira.sink import JiraSink

    return JiraSink(name, settings, tools)


def _console(name: str, settings: ConsoleSettings, tools: Tools) -> Sink:
    from rich.console import Console

    from app.sinks.console.sink import ConsoleSink

    return ConsoleSink(name, Console(), tools.texts, counts=settings.counts, look=settings.look)


def _email(name: str, settings: EmailSettings, tools: Tools) -> Sink:
    from app.sinks.email.sink import EmailSink

    return EmailSink(name, settings, tools)


SINKS: Mapping[str, SinkType] = {
    "slack": SinkType(SlackSettings, _slack),
    "jira": SinkType(JiraSettings, _jira),
    "console": SinkType(ConsoleSettings, _console),
    "email": SinkType(EmailSettings, _email),
}
