"""Options that several commands share, and what they turn into."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import click

from app.config.durations import parse_duration

F = TypeVar("F", bound=Callable[..., Any])
YEARS = range(1970, 2200)  # far from the ends of the calendar, where sums overflow


class Instant(click.ParamType[datetime]):
    """An ISO 8601 instant; a bare date is 00:00Z, and what names no zone is UTC."""

    name = "instant"

    def convert(self, value: Any, param: Any, ctx: Any) -> datetime:
        if isinstance(value, datetime):
            return value
        instant = _instant(value)
        if instant is None or instant.year not in YEARS:
            said = f"{value[:40]!r} is not a date such as 2027-01-31 or 2027-01-31T09:00:00Z"
            self.fail(said, param, ctx)
        return instant


def _instant(text: str) -> datetime | None:
    try:
        read = datetime.fromisoformat(text)
        return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


class Span(click.ParamType[timedelta]):
    """90s, 15m, 6h, 75d or 2w."""

    name = "duration"

    def convert(self, value: Any, param: Any, ctx: Any) -> timedelta:
        if isinstance(value, timedelta):
            return value
        try:
            return parse_duration(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


def config_option(command: F) -> F:
    return click.option(
        "--config",
        "config_path",
        type=click.Path(path_type=Path),
        help="The config file [default: $KEYSTEWARD_CONFIG, ./config.yaml, /etc/keysteward/config.yaml].",
    )(command)


def at_option(text: str) -> Callable[[F], F]:
    return click.option("--at", type=Instant(), metavar="INSTANT", help=text)


def format_option(*formats: str) -> Callable[[F], F]:
    choices = click.Choice(["table", *formats])
    return click.option(
        "--format", "form", type=choices, default="table", show_default=True, help="How to print it."
    )


by_option = click.option("--by", help="Who does this, for the audit trail [default: the caller's ARN].")
reason_option = click.option("--reason", required=True, help="Why, for the audit trail.")
