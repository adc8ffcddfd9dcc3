"""pydantic's errors as sentences: what is wrong, where, what would be right, and never the value itself."""

import types
from collections.abc import Collection, Iterator, Mapping
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic_core import ErrorDetails

from app.config.lint import Issue, did_you_mean

_SENTENCES: Mapping[str, str] = {
    "missing": "is missing",
    "list_type": "should be a list",
    "tuple_type": "should be a list",
    "dict_type": "should be a mapping",
    "mapping_type": "should be a mapping",
    "model_type": "should be a mapping",
    "model_attributes_type": "should be a mapping",
    "string_type": "should be text (is it missing its quotes?)",
    "int_type": "should be a whole number",
    "int_parsing": "should be a whole number",
    "int_from_float": "should be a whole number",
    "float_type": "should be a number",
    "float_parsing": "should be a number",
    "bool_type": "should be true or false",
    "bool_parsing": "should be true or false",
    "string_too_short": "should not be empty",
}
_NAME_PATTERN = "should be a name: up to 63 letters, digits and . _ -"


def issues(error: ValidationError, model: type[BaseModel], at: tuple[str | int, ...] = ()) -> Iterator[Issue]:
    """Every fault of ``error``, which is about ``model`` at the path ``at``."""
    for detail in error.errors(include_url=False, include_input=False):
        path = tuple(part for part in detail["loc"] if part != "[key]")
        yield Issue((*at, *path), _sentence(detail, model))


def _sentence(detail: ErrorDetails, model: type[BaseModel]) -> str:
    kind, message = detail["type"], detail["msg"]
    if kind == "extra_forbidden":
        return _unknown_key(detail, model)
    if kind == "value_error":
        return str(detail["ctx"]["error"])
    if kind == "string_pattern_mismatch" and detail["loc"][-1] == "name":
        return _NAME_PATTERN
    return _SENTENCES.get(kind) or message.replace("Input should", "should", 1)


def _unknown_key(detail: ErrorDetails, model: type[BaseModel]) -> str:
    *parents, key = detail["loc"]
    owner = _model_at(model, parents)
    return f'unknown key "{key}"{did_you_mean(str(key), keys_of(owner) if owner else ())}'


def keys_of(model: type[BaseModel]) -> Collection[str]:
    return [field.alias or name for name, field in model.model_fields.items()]


def _model_at(kind: Any, path: list[str | int]) -> type[BaseModel] | None:
    """The model that reads what is at ``path`` below ``kind``."""
    kind = _bare(kind)
    if not path:
        return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None
    first, *rest = path
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        field = kind.model_fields.get(str(first))
        return _model_at(field.annotation, rest) if field else None
    args = [arg for arg in get_args(kind) if arg is not Ellipsis]
    return _model_at(args[-1], rest) if args else None  # of a list its items, of a mapping its values


def _bare(kind: Any) -> Any:
    """Without Optional and Annotated."""
    while True:
        if get_origin(kind) is Annotated:
            kind = get_args(kind)[0]
        elif get_origin(kind) in (Union, types.UnionType):
            kind = next(arg for arg in get_args(kind) if arg is not type(None))
        else:
            return kind


def secret_keys(model: type[BaseModel]) -> Collection[str]:
    return [
        field.alias or name
        for name, field in model.model_fields.items()
        if _bare(field.annotation) is SecretStr
    ]
