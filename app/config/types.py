"""The small value types of the config. Each error is a sentence that says what would be right."""

import os
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, PlainSerializer, WithJsonSchema

from app.config.durations import format_duration, parse_duration
from app.plan.freeze import FreezeWindow, parse_freeze, zone_named

_ACCOUNT_ID = re.compile(r"\d{12}", re.ASCII)
_ROLE_ARN = re.compile(r"arn:aws[a-z-]{0,20}:iam::(\d{12}):role/[\w+=,.@/-]{1,576}", re.ASCII)
_EXTERNAL_ID = re.compile(r"[\w+=,.@:/-]{2,1224}", re.ASCII)
_OU_ID = re.compile(r"(ou-[a-z0-9]{4,32}-[a-z0-9]{8,32}|r-[a-z0-9]{4,32})", re.ASCII)
_EMAIL = re.compile(r"[^\s@<>,;]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+", re.ASCII)
_LISTEN = re.compile(r"([\w.-]+|\[[0-9A-Fa-f:]+\]):(\d{1,5})", re.ASCII)
_PERCENT = re.compile(r"(\d{1,3}(?:\.\d{1,3})?)\s?%", re.ASCII)


class Section(BaseModel):
    """A part of the config: unknown keys are errors, and nothing changes after it is read."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, coerce_numbers_to_str=True, hide_input_in_errors=True
    )


def _text(value: object, example: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"should be text such as {example}")
    return value


def _pattern(pattern: re.Pattern[str], message: str) -> Callable[[str], str]:
    def check(value: str) -> str:
        if not pattern.fullmatch(value):
            raise ValueError(message)
        return value

    return check


def _duration(value: object) -> timedelta:
    return value if isinstance(value, timedelta) else parse_duration(_text(value, "75d"))


def _instant(value: object) -> datetime:
    if isinstance(value, datetime):
        return value
    text = _text(value, "2027-03-31")
    try:
        if len(text) == len("2027-03-31"):
            return datetime.combine(date.fromisoformat(text), time(), UTC)
        read = datetime.fromisoformat(text)
        return (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("should be a date (2027-03-31) or a time (2027-03-31T12:00:00Z)") from None


def _share(value: object) -> float:
    """A bare 0.25 or 25 would be ambiguous, so the percent sign is asked for."""
    found = _PERCENT.fullmatch(value) if isinstance(value, str) else None
    if found is None or not 0 < float(found[1]) <= 100:
        raise ValueError("should be a percentage above 0% and up to 100%, such as 25%")
    return float(found[1]) / 100


def format_share(share: float) -> str:
    return f"{round(share * 100, 3):g}%"


def _flag(value: object) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false"):  # from the environment
        return value.lower() == "true"
    raise ValueError("should be true or false")


def _zone(value: str) -> str:
    return zone_named(value).key


def _folder(value: Path) -> Path:
    if not os.path.isdir(value):  # `Path.is_dir` raises where it may not look
        raise ValueError("should be a folder")
    return value


def _freeze(value: object) -> FreezeWindow:
    return value if isinstance(value, FreezeWindow) else parse_freeze(_text(value, "Fri 16:00 - Mon 08:00"))


def _listen(value: str) -> str:
    found = _LISTEN.fullmatch(value)
    if found is None or not 0 <= int(found[2]) <= 65535:
        raise ValueError('should be HOST:PORT, such as 0.0.0.0:8080 or "[::]:8080"')
    return value


def _glob(value: object) -> object:
    if isinstance(value, bool) or value is None:
        word = "null" if value is None else str(value).lower()
        raise ValueError(f'should be text: write "{word}" in quotes')
    return value


def _as_list(value: object) -> object:
    """One value may stand for a list of one: ``accounts: prod``."""
    return value if isinstance(value, list | tuple) else [value]


def role_account(arn: str) -> str:
    """The account id inside a valid role ARN."""
    return arn.split(":")[4]


def _schema(**schema: Any) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", **schema})


Duration = Annotated[
    timedelta,
    BeforeValidator(_duration),
    PlainSerializer(format_duration),
    _schema(pattern=r"^\d{1,10}[smhdw]$", examples=["75d"]),
]
Instant = Annotated[datetime, BeforeValidator(_instant), _schema(examples=["2027-03-31"])]
Share = Annotated[
    float, BeforeValidator(_share), PlainSerializer(format_share), _schema(pattern="%$", examples=["25%"])
]
Freeze = Annotated[
    FreezeWindow,
    BeforeValidator(_freeze),
    PlainSerializer(lambda window: window.text),
    _schema(examples=["Fri 16:00 - Mon 08:00 Europe/Berlin"]),
]
Flag = Annotated[bool, BeforeValidator(_flag)]
AccountId = Annotated[
    str,
    AfterValidator(_pattern(_ACCOUNT_ID, 'an account id has 12 digits, such as "111122223333"')),
    _schema(pattern=r"^\d{12}$"),
]
RoleArn = Annotated[
    str,
    AfterValidator(_pattern(_ROLE_ARN, "should be a role's ARN: arn:aws:iam::111122223333:role/NAME")),
    _schema(pattern="^arn:"),
]
RoleName = Annotated[
    str,
    AfterValidator(
        _pattern(re.compile(r"[\w+=,.@/-]{1,576}", re.ASCII), "should be a role's name (not its ARN)")
    ),
]
ExternalId = Annotated[
    str,
    AfterValidator(
        _pattern(_EXTERNAL_ID, "an external id has 2 to 1224 characters: letters, digits, + = , . @ : / _ -")
    ),
]
OuId = Annotated[str, AfterValidator(_pattern(_OU_ID, "should be an OU's id, such as ou-ab12-11111111"))]
Email = Annotated[str, AfterValidator(_pattern(_EMAIL, "should be an e-mail address"))]
Folder = Annotated[
    Path, AfterValidator(_folder), WithJsonSchema({"type": "string", "format": "directory-path"})
]
Zone = Annotated[str, AfterValidator(_zone)]
Listen = Annotated[str, AfterValidator(_listen)]
Glob = Annotated[str, BeforeValidator(_glob)]
Globs = Annotated[
    tuple[Glob, ...],
    BeforeValidator(_as_list),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
]
