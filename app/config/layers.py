"""The environment and the secrets folder as layers over the file.

A variable is the path of a setting: ``KEYSTEWARD_SINKS__SLACK__TOKEN``. A value that begins with ``[`` or
``{`` is read as YAML (JSON is YAML); any other is text, so that a token of digits stays one.
"""

import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_settings import EnvSettingsSource

from app.config.lint import did_you_mean
from app.config.schema import Config
from app.config.yaml_marks import Path as Keys
from app.config.yaml_marks import YamlFault, read_yaml
from app.errors import KeystewardError

PREFIX = "KEYSTEWARD_"
RESERVED = frozenset({"KEYSTEWARD_CONFIG", "KEYSTEWARD_SECRETS_DIR"})
# Kubernetes sets these in every container beside a Service that is named keysteward.
_KUBERNETES = re.compile(r"KEYSTEWARD_(SERVICE_(HOST|PORT)(_.*)?|PORT(_\d+_(TCP|UDP|SCTP).*)?)")
_LARGEST_SECRET = 1 << 16  # bytes
_REFERENCE = "secretsmanager"
_SECRET_SECTIONS = ("sinks", "http", "ledger")

Resolver = Callable[[str], str]


class _Variables(EnvSettingsSource):
    """pydantic-settings' reading of names, over a mapping that is passed in."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables
        super().__init__(Config, case_sensitive=False)

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return {name.lower(): value for name, value in self._variables.items()}

    def decode_complex_value(self, field_name: str, field: FieldInfo | None, value: Any) -> Any:
        return _decoded(value)


def _decoded(value: Any) -> Any:
    if not isinstance(value, str) or not value.lstrip().startswith(("[", "{")):
        return value
    try:
        document = read_yaml(f"value: {value}")
    except YamlFault:
        return value  # then the setting says what it expects instead
    return value if document.faults else document.value["value"]


def variables(env: Mapping[str, str]) -> dict[str, str]:
    """The settings among environment variables, by upper-case name. An empty one counts as not set."""
    named = {name.upper(): value for name, value in env.items() if name.upper().startswith(PREFIX)}
    return {
        name: value
        for name, value in named.items()
        if value and name not in RESERVED and not _KUBERNETES.fullmatch(name)
    }


def secret_files(folder: Path) -> dict[str, str]:
    """The settings in a secrets folder: files named like the variables. Raises ValueError."""
    if not os.path.isdir(folder):  # `Path.is_dir` raises where it may not look
        raise ValueError("KEYSTEWARD_SECRETS_DIR should name a folder")
    try:
        files = [f for f in sorted(folder.iterdir()) if f.name.upper().startswith(PREFIX) and f.is_file()]
        return variables({f.name: _secret(f) for f in files})
    except OSError as error:
        raise ValueError(f"the secrets folder can't be read: {error.strerror}") from None


def _secret(file: Path) -> str:
    with file.open("rb") as stream:
        content = stream.read(_LARGEST_SECRET + 1)
    if len(content) > _LARGEST_SECRET:
        raise ValueError(f"{file.name} in the secrets folder is larger than 64 KiB")
    try:
        return content.decode().strip()
    except UnicodeDecodeError:
        raise ValueError(f"{file.name} in the secrets folder is not UTF-8 text") from None


def unknown(names: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Variables that name no setting, each with a sentence; deeper faults show when the tree is read."""
    tree, known = tree_of(names), [f"{PREFIX}{field.upper()}" for field in Config.model_fields]
    for name in names:
        top, *below = name.split("__")
        if top not in known:
            nested = [
                name.replace("_", "__").replace("__", "_", 1) for k in known if name.startswith(f"{k}_")
            ]
            hint = f", did you mean {nested[0]}?" if nested else ""
            yield name, f"no such setting{hint or _closest(name, known)}"
        elif below and not isinstance(tree.get(top.removeprefix(PREFIX).lower()), dict):
            yield name, f"no such setting: {top} has nothing below it"


def _closest(name: str, known: list[str]) -> str:
    hint = did_you_mean(name.removeprefix(PREFIX), [k.removeprefix(PREFIX).lower() for k in known])
    return hint and f", did you mean {PREFIX}{hint.split(chr(34))[1].upper()}?"


def tree_of(names: Mapping[str, str]) -> dict[str, Any]:
    return dict(_Variables(names)())


def merge(base: Any, over: Any) -> Any:
    """``over`` wins. Mappings merge, keys without regard to case; digits name the items of a list."""
    if isinstance(base, list) and isinstance(over, dict) and set(over) <= set(map(str, range(len(base)))):
        return [merge(item, over.get(str(at), item)) for at, item in enumerate(base)]
    if not isinstance(base, dict) or not isinstance(over, dict):
        return over
    spelled = {key.lower(): key for key in base}
    merged = dict(base)
    for key, value in over.items():
        key = spelled.get(key, key)
        merged[key] = merge(merged[key], value) if key in merged else value
    return merged


def is_reference(value: object) -> bool:
    """Whether ``value`` stands for a secret that was not read."""
    return isinstance(value, str) and value.startswith(f"{_REFERENCE}:")


def resolve(tree: dict[str, Any], resolver: Resolver | None) -> tuple[dict[str, Any], list[tuple[Keys, str]]]:
    """Replaces references to AWS Secrets Manager below `sinks` and `http`, and in `ledger`.

    ``{secretsmanager: NAME}`` and ``secretsmanager:NAME[#KEY]`` are the same. Without a resolver they
    stay references, so that a config is checked without AWS. Returns what failed beside the tree.
    """
    failed: list[tuple[Keys, str]] = []

    def walk(value: Any, path: Keys) -> Any:
        if isinstance(value, dict) and set(value) == {_REFERENCE} and isinstance(value[_REFERENCE], str):
            return walk(f"{_REFERENCE}:{value[_REFERENCE]}", path)
        if isinstance(value, dict):
            return {key: walk(item, (*path, key)) for key, item in value.items()}
        if isinstance(value, list):
            return [walk(item, (*path, at)) for at, item in enumerate(value)]
        if resolver is None or not is_reference(value):
            return value
        try:
            return resolver(value.removeprefix(f"{_REFERENCE}:"))
        except KeystewardError as error:
            failed.append((path, str(error)))
            return value

    return tree | {key: walk(tree[key], (key,)) for key in _SECRET_SECTIONS if key in tree}, failed
