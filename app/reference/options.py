"""The config's options, walked as `app/config/example.py` walks them: every model, down to the leaves."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel, SecretStr, TypeAdapter, WithJsonSchema
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from app.config.example import flow, models_in
from app.config.owners import OwnersFile
from app.config.schema import DEFAULT_SINKS, Config
from app.plan.freeze import FreezeWindow
from app.reference.markdown import code, prose, table
from app.sinks.registry import SINKS

HEADS = ("Option", "Type", "Default", "What it is")
_INTRO = """\
## Config

Durations are `90s`, `15m`, `6h`, `75d` or `2w`; everything is UTC. `[]` stands for an entry of a list, `NAME`
for a name of your own. Every option can also come from the environment, such as
`KEYSTEWARD_GUARDS__NOTICES_PER_RUN`, or from a file of that name in the folder `KEYSTEWARD_SECRETS_DIR`.
[config.example.yaml](../config.example.yaml) shows all of them in place.
"""
# What `load.py` fills in where the file says nothing.
_FILLED = {"rules": "the CIS ladder of config.example.yaml", "sinks": code(flow(DEFAULT_SINKS))}
_WORDS = {
    bool: "`true` or `false`",
    int: "whole number",
    float: "number",
    str: "text",
    timedelta: "duration",
    datetime: "date or time",
    SecretStr: "secret",
    Path: "path",
    OwnersFile: "path",
    FreezeWindow: "window",
}


@dataclass(frozen=True, slots=True)
class Option:
    path: str
    kind: str
    default: str
    text: str

    @property
    def row(self) -> tuple[str, ...]:
        return code(self.path), self.kind, self.default, self.text


def options() -> Iterator[str]:
    """The lines of the config's part."""
    yield _INTRO
    plain = [name for name, field in Config.model_fields.items() if not _inner(name, field)]
    yield "### general\n"
    yield from _table(option for name in plain for option in walk(name, Config.model_fields[name]))
    for name, field in Config.model_fields.items():
        if name not in plain:
            yield f"### {name}\n"
            yield f"{_sentence(field)}\n"
            yield from _table(walk(name, field))
            yield from _sinks() if name == "sinks" else ()


def _inner(name: str, field: FieldInfo) -> bool:
    return name == "sinks" or bool(models_in(field.annotation))


def _sentence(field: FieldInfo) -> str:
    text = prose(field.description or "")
    return f"{text[:1].upper()}{text[1:]}."


def _sinks() -> Iterator[str]:
    for kind in sorted(SINKS):
        yield f"#### sinks: {kind}\n"
        fields = SINKS[kind].settings.model_fields
        found = (one for name, field in fields.items() for one in walk(f"sinks.NAME.{name}", field))
        yield from _table(found)


def _table(found: Iterator[Option]) -> Iterator[str]:
    return table(HEADS, (option.row for option in found))


def walk(path: str, field: FieldInfo, above: tuple[type[BaseModel], ...] = ()) -> Iterator[Option]:
    """The option at ``path`` and all below it; ``above``: the models that it is in, which end a recursion."""
    if field.alias:
        path = f"{path.rpartition('.')[0]}.{field.alias}".lstrip(".")
    if not isinstance(field.default, BaseModel):
        yield Option(path, _kind(field), default_text(path, field), _text(field))
    yield from _below(path, field, above)


def _below(path: str, field: FieldInfo, above: tuple[type[BaseModel], ...]) -> Iterator[Option]:
    entry = path + ("[]" if _is_list(field.annotation) else "")
    for model in sorted(models_in(field.annotation), key=lambda one: one.__name__):
        if model not in above:
            for name, inner in model.model_fields.items():
                yield from walk(f"{entry}.{name}", inner, (*above, model))


def _text(field: FieldInfo) -> str:
    text = prose(field.description or "")
    if field.default is None and field.examples:
        return f"{text}; for example {code(flow(field.examples[0]))}"
    return text


def default_text(path: str, field: FieldInfo) -> str:
    if path in _FILLED:
        return _FILLED[path]
    if field.is_required():
        return "required"
    value = field.get_default(call_default_factory=True)
    if value is None or value is PydanticUndefined:
        return "not set"
    if isinstance(value, SecretStr):
        return code(flow(value))
    if isinstance(value, int | float) and not isinstance(value, bool) and value == int(value):
        return code(str(int(value)))
    kind: Any = Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
    return code(flow(TypeAdapter(kind).dump_python(value, mode="json")))


# --- types ---


def _kind(field: FieldInfo) -> str:
    shape = Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
    return kind_text(shape)


def kind_text(shape: Any, metadata: tuple[Any, ...] = ()) -> str:
    """``list of text``, ``whole number, 0 to 4``, ``percentage``."""
    origin, args = get_origin(shape), get_args(shape)
    if origin is Annotated:
        return kind_text(args[0], (*metadata, *args[1:]))
    if origin in (Union, UnionType):
        return " or ".join(kind_text(one, metadata) for one in args if one is not NoneType)
    if origin is Literal:
        return " or ".join(map(code, args))
    if _is_list(shape):
        return f"list of {_entries(kind_text(args[0]))}"
    if origin is not None:
        return f"mapping to {kind_text(args[-1])}"
    return _plain(shape, metadata)


def _plain(shape: Any, metadata: tuple[Any, ...]) -> str:
    if any(isinstance(one, WithJsonSchema) and _is_share(one) for one in metadata):
        return "percentage"
    if isinstance(shape, type) and issubclass(shape, BaseModel):
        return "section"
    if isinstance(shape, type) and issubclass(shape, Enum):
        return " or ".join(code(str(one.value)) for one in shape)
    word = _WORDS.get(shape, "text")
    return f"{word}{_bounds(metadata)}"


def _is_share(schema: WithJsonSchema) -> bool:
    return bool(schema.json_schema and schema.json_schema.get("pattern") == "%$")


def _is_list(shape: Any) -> bool:
    args = [one for one in get_args(shape) if one is not NoneType]
    if get_origin(shape) in (Union, UnionType, Annotated):
        return any(map(_is_list, args))
    return get_origin(shape) in (tuple, list)


def _entries(kind: str) -> str:
    return {"section": "sections", "duration": "durations", "window": "windows"}.get(kind, kind)


def _bounds(metadata: tuple[Any, ...]) -> str:
    """``, 0 to 4``; ``, above 0``."""
    said = [one for one in metadata if isinstance(one, Ge | Gt | Le | Lt)]
    words = {Ge: "from", Gt: "above", Le: "up to", Lt: "below"}
    limits = [f"{words[type(one)]} {_limit(one)}" for one in said]
    return f", {' '.join(limits)}" if limits else ""


def _limit(one: Ge | Gt | Le | Lt) -> str:
    value = next(getattr(one, name) for name in ("ge", "gt", "le", "lt") if hasattr(one, name))
    return f"{value:,}"
