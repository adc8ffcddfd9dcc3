"""Writes config.example.yaml from the models: ``python -m app.config.example > config.example.yaml``.

Options whose default is "not set" appear as comments with an example value, so that the file loads as it
stands and means the same as no file.
"""

import json
import re
import sys
from collections.abc import Iterator, Mapping
from datetime import timedelta
from enum import Enum
from typing import Any, get_args

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from app.config.accounts import OrganizationSettings, StaticAccount
from app.config.audit import S3CopySettings
from app.config.durations import format_duration
from app.config.http import AuthSettings, LoginSettings, TrustedHeaderSettings
from app.config.owners import OwnerSettings
from app.config.policy import RuleSettings
from app.config.schema import DEFAULT_SINKS, Config, default_rules
from app.config.yaml_marks import plain
from app.sinks.registry import SINKS

_HEAD = """\
# Keysteward's config: every option with its default. It loads as it stands, and touches nothing.
#
# Durations are 90s, 15m, 6h, 75d or 2w. Everything is UTC, a bare date is 00:00Z. Unknown keys are errors.
# Every option can also come from the environment (KEYSTEWARD_SINKS__SLACK__TOKEN), from a file of that name
# in the folder KEYSTEWARD_SECRETS_DIR; and below sinks, and for the ledger, from AWS Secrets Manager as
# {secretsmanager: NAME} or "secretsmanager:NAME#JSON_KEY". The environment wins, then the folder.
#
# Generated from the models: python -m app.config.example > config.example.yaml
"""
_PLAIN = re.compile(r"[\w/][\w./+@%=-]*(?::[\w./+@%=-]+)*(?: [\w./+@%=-]+)*", re.ASCII)
_WIDTH = 110
_EXEMPTION = {
    "name": "break-glass",
    "match": {"tags": {"break-glass": "true"}},
    "exempt": {
        "reason": "Sealed, reviewed quarterly",
        "approved_by": "ciso@example.com",
        "until": "2027-03-31",
    },
}
# What a sink can't do without, and so has no default to show.
_NEEDED = {
    "server": "https://example.atlassian.net",
    "project": "SEC",
    "from": "keys@example.com",
    "topic_arn": "arn:aws:sns:eu-central-1:111122223333:iam-keys",
}

Lines = Iterator[str]


def render_example() -> str:
    """The text of config.example.yaml."""
    parts = [_HEAD]
    for name, option in Config.model_fields.items():
        body = _SPECIAL[name](option) if name in _SPECIAL else _option(name, option, option.default)
        parts.append("\n".join(body) + "\n")
    return "\n".join(parts)


def flow(value: Any) -> str:
    """One value in YAML's flow style, quoted only where it must be."""
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if isinstance(value, timedelta):
        value = format_duration(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{flow(k)}: {flow(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(flow, value)) + "]"
    if not isinstance(value, str):
        return json.dumps(value)
    text = str(value.value) if isinstance(value, Enum) else value
    return text if _PLAIN.fullmatch(text) and plain(text) == text and not text.isdigit() else json.dumps(text)


def _option(name: str, option: FieldInfo, value: Any) -> Lines:
    if isinstance(option.default, BaseModel):
        yield f"{name}:  # {option.description}"
        yield from _indented(_options(option.default))
    else:
        yield from _leaf(name, option, value)


def _options(section: BaseModel) -> Lines:
    values = section.model_dump(mode="json")
    for name, option in type(section).model_fields.items():
        if name in _SPECIAL_BELOW:
            yield from _SPECIAL_BELOW[name](option)
        else:
            yield from _option(name, option, values[name])


def _leaf(name: str, option: FieldInfo, value: Any) -> Lines:
    """``name: value  # description``; what is not set by default is a comment with an example."""
    note = option.description or ""
    if value is not None:
        yield from _noted(f"{name}: {flow(value)}", note)
    for example in option.examples or ():
        yield from _noted(f"# {name}: {flow(example)}", note if value is None else "for example")


def _noted(text: str, note: str) -> Lines:
    """The note behind the text if it fits, else above it."""
    if len(text) + len(note) + 8 <= _WIDTH:
        yield f"{text}  # {note}"
        return
    words, line = note.split(), "#"
    for word in words:
        if len(line) + len(word) > _WIDTH - 10:
            yield line
            line = "#"
        line += f" {word}"
    yield line
    yield text


def _indented(lines: Lines, by: str = "  ") -> Lines:
    for line in lines:
        yield f"{by}{line}" if line else line


def _commented(lines: Lines) -> Lines:
    for line in lines:
        yield f"# {line.removeprefix('# ')}" if not line.startswith(" ") else f"# {line}"


def _uncommented_options(model: type[BaseModel], fixed: Mapping[str, Any]) -> Lines:
    """Every option live, for a block that is a comment as a whole; what isn't set is null."""
    for field, option in model.model_fields.items():
        name = option.alias or field
        value = fixed.get(name, _example_or_default(option))
        text = f"{name}:" if value is None else f"{name}: {flow(value)}"
        yield from _noted(text, option.description or "")


def _example_or_default(option: FieldInfo) -> Any:
    example = (option.examples or [None])[0]
    if example is not None:
        return example
    return None if option.default is PydanticUndefined else option.default


def _legend(model: type[BaseModel], depth: int = 0) -> Lines:
    """What each field means, for blocks that are shown by example."""
    width = max(map(len, model.model_fields))
    for name, option in model.model_fields.items():
        yield f"# {'  ' * depth}{name:<{width}}  {option.description}"
        nested = models_in(option.annotation) - {model}
        for inner in nested:
            yield from _legend(inner, depth + 2)


def models_in(kind: Any) -> set[type[BaseModel]]:
    """The models that an annotation names, inside lists and alternatives too."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return {kind}
    return set().union(*map(models_in, get_args(kind))) if get_args(kind) else set()


def _rules(option: FieldInfo) -> Lines:
    yield f"# {option.description}"
    yield from _legend(RuleSettings, 1)
    yield "rules:"
    yield "  # - name: break-glass"
    for key in ("match", "exempt"):
        yield f"  #   {key}: {flow(_EXEMPTION[key])}"
    rule = default_rules(list(DEFAULT_SINKS))[0]
    yield f"  - name: {rule['name']}"
    yield f"    match: {flow(rule['match'])}"
    yield "    stages:"
    for stage in rule["stages"]:
        text = flow(stage).replace(", require:", f",\n{' ' * 9}require:")
        yield f"      - {text}"


def _owners(option: FieldInfo) -> Lines:
    yield f"# {option.description}"
    yield from _legend(OwnerSettings, 1)
    yield "owners:"
    for default in option.default:
        yield f"  - {flow(default.model_dump(exclude_none=True))}"
    for example in (option.examples or [[]])[0][1:]:
        yield f"  # - {flow(example)}"


def _sinks(option: FieldInfo) -> Lines:
    yield f"sinks:  # {option.description}"
    for kind in sorted(SINKS, key=lambda kind: kind not in DEFAULT_SINKS):
        block = _sink(kind)
        yield from _indented(block if kind in DEFAULT_SINKS else _commented(block))


def _sink(kind: str) -> Lines:
    yield f"{kind}:"
    yield from _indented(_uncommented_options(SINKS[kind].settings, {"type": kind, **_NEEDED}))


def _organization(option: FieldInfo) -> Lines:
    yield f"# organization:  # {option.description}"
    yield from _commented(_indented(_uncommented_options(OrganizationSettings, {})))


def _s3(option: FieldInfo) -> Lines:
    yield f"s3: null  # {option.description}"
    yield "# s3:"
    yield from _commented(_indented(_uncommented_options(S3CopySettings, {})))


def _auth(option: FieldInfo) -> Lines:
    yield f"auth: null  # {option.description}"
    yield "# auth:"
    yield "#   basic:  # HTTP basic authentication"
    login = list(_uncommented_options(LoginSettings, {}))
    yield from _commented(_indented(iter(["- " + login[0], *("  " + line for line in login[1:])]), " " * 4))
    header = AuthSettings.model_fields["trusted_header"]
    yield from _commented(_indented(_noted("trusted_header:", header.description or "")))
    yield from _commented(_indented(_uncommented_options(TrustedHeaderSettings, {}), " " * 4))


def _static(option: FieldInfo) -> Lines:
    yield f"static: []  # {option.description}"
    yield "# static:"
    lines = list(_uncommented_options(StaticAccount, {}))
    yield from _commented(_indented(iter(["- " + lines[0], *("  " + line for line in lines[1:])])))


_SPECIAL = {"rules": _rules, "owners": _owners, "sinks": _sinks}
_SPECIAL_BELOW = {"organization": _organization, "static": _static, "s3": _s3, "auth": _auth}

if __name__ == "__main__":
    sys.stdout.write(render_example())
