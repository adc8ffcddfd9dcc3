"""Reads the config: file, secrets folder, environment; the later wins. All faults are told at once."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from app.config import layers, lint, messages, templates
from app.config.accounts import AccountsSettings
from app.config.fixed import fixed_faults
from app.config.lint import Issue, Severity
from app.config.policy import GuardSettings, RuleSettings
from app.config.schema import DEFAULT_SINKS, RESERVED_SINKS, Config, default_rules
from app.config.yaml_marks import LARGEST_FILE, Document, YamlFault, read_yaml
from app.config.yaml_marks import Path as Keys
from app.errors import ConfigError
from app.model import redact
from app.sinks import registry

_SECRET_NAME = re.compile(r"token|secret|passw|credential|webhook|api_?key", re.IGNORECASE)
_MOST_TOLD = 500  # faults of a kind: what has more is not a config
_MOST_SINKS = 100
_SHORTEST_SECRET = 6  # replacing less would only garble sentences
_PLACES = ("config.yaml", "/etc/keysteward/config.yaml")
_Model = TypeVar("_Model", bound=BaseModel)
_DEFAULTS = "default config"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong. ``file`` may also name a variable; ``line`` counts from 1."""

    file: str
    line: int | None
    path: str  # "rules[1].stages[0].when.age"
    message: str
    severity: Severity = "error"

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        parts = [place, self.path, self.message] if self.path else [place, self.message]
        return ": ".join(parts)


@dataclass
class _Sources:
    """The merged tree, and enough to tell where each value of it came from."""

    file: str
    document: Document
    secrets: Mapping[str, str] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    tree: dict[str, Any] = field(default_factory=dict)

    def fault(self, issue: Issue) -> Fault:
        file, line = self._place(issue.path)
        path, message = _shown(self._masked(_dotted(issue.path))), _shown(self._masked(issue.message))
        return Fault(file, line, path, message, issue.severity)

    def _masked(self, text: str) -> str:
        for secret in self.secret_values:
            text = text.replace(secret, "***")
        return text

    @cached_property
    def secret_values(self) -> list[str]:
        return [secret for secret in _secrets(self.tree) if len(secret) >= _SHORTEST_SECRET]

    def _place(self, path: Keys) -> tuple[str, int | None]:
        for length in range(len(path), 0, -1):
            name = layers.PREFIX + "__".join(map(str, path[:length])).upper()
            if name in self.env:
                return _shown(f"environment {name}"), None
            if name in self.secrets:
                return _shown(f"secrets folder {name}"), None
        prefixes = (path[:length] for length in range(1, len(path) + 1))
        changed = next((p for p in prefixes if _kind(self.document.value, p) != _kind(self.tree, p)), None)
        below = layers.PREFIX + "".join(f"{part}__" for part in changed or ()).upper()
        for kind, names in (("environment", self.env), ("secrets folder", self.secrets)):
            for name in names:  # a sink, say, of which only variables speak
                if changed and name.startswith(below):
                    return _shown(f"{kind} {name}"), None
        return self.file, None if self.file == _DEFAULTS else self.document.line(path)


def find_config(option: Path | None, env: Mapping[str, str], cwd: Path) -> Path | None:
    """``--config``, else ``$KEYSTEWARD_CONFIG``, ./config.yaml, /etc/keysteward/config.yaml; None: none."""
    if option is not None:
        return option
    if env.get("KEYSTEWARD_CONFIG"):
        return cwd / env["KEYSTEWARD_CONFIG"]
    return next((cwd / place for place in _PLACES if _is_there(cwd / place)), None)


def _is_there(path: Path) -> bool:
    """Also when it can't be read, or is a link to nowhere: that must be told, not passed over."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def load_config(
    path: Path | None,
    env: Mapping[str, str],
    *,
    now: datetime | None = None,
    resolver: layers.Resolver | None = None,
    running: Config | None = None,
) -> Config:
    """The effective config. Raises `ConfigError`, one line for each fault of severity error.

    ``path`` None is the default config. Precedence: environment, then the folder that
    ``KEYSTEWARD_SECRETS_DIR`` names, then the file. ``resolver`` reads an AWS Secrets Manager reference
    (``NAME`` or ``NAME#KEY``) and is called only if there is one; without it references stay as they are.
    ``running`` is the config in force: what can't change beside it is a fault.
    """
    config, faults = _read(path, env, now, resolver, running)
    errors = [str(fault) for fault in faults if fault.severity == "error"]
    if config is None or errors:
        raise ConfigError("\n".join(errors))
    return config


def check_config(path: Path | None, env: Mapping[str, str], *, now: datetime | None = None) -> list[Fault]:
    """Every fault, warnings too, in the order of the file. Never raises, resolves no reference."""
    return _read(path, env, now, None)[1]


def _read(
    path: Path | None,
    env: Mapping[str, str],
    now: datetime | None,
    resolver: layers.Resolver | None,
    running: Config | None = None,
) -> tuple[Config | None, list[Fault]]:
    file = str(path) if path else _DEFAULTS
    try:
        document = read_yaml(_content(path)) if path else Document({})
    except YamlFault as fault:
        return None, [Fault(file, fault.line or None, "", _shown(fault.message))]
    sources = _Sources(file, document, env=layers.variables(env))
    try:
        if env.get("KEYSTEWARD_SECRETS_DIR"):
            sources.secrets = layers.secret_files(Path(env["KEYSTEWARD_SECRETS_DIR"]))
    except ValueError as error:
        return None, [Fault("environment KEYSTEWARD_SECRETS_DIR", None, "", str(error))]
    return _checked(sources, now, resolver, running)


def _content(path: Path) -> str:
    """Raises `YamlFault` on line 0: there is no line to speak of."""
    try:
        with path.open("rb") as stream:
            content = stream.read(LARGEST_FILE + 1)
    except OSError as error:
        raise YamlFault(0, f"can't be read: {error.strerror or 'bad name'}") from None
    except ValueError:
        raise YamlFault(0, "can't be read: bad name") from None
    if len(content) > LARGEST_FILE:
        raise YamlFault(0, "is larger than 1 MiB")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise YamlFault(content.count(b"\n", 0, error.start) + 1, "is not UTF-8 text") from None


def _checked(
    sources: _Sources, now: datetime | None, resolver: layers.Resolver | None, running: Config | None
) -> tuple[Config | None, list[Fault]]:
    issues = [Issue(path, message) for _, path, message in sources.document.faults]
    lines = {path: line for line, path, _ in sources.document.faults}
    faults = [Fault(sources.file, lines[i.path], _shown(_dotted(i.path)), i.message) for i in issues]
    for names, kind in ((sources.env, "environment"), (sources.secrets, "secrets folder")):
        unknown = islice(layers.unknown(names), _MOST_TOLD)
        faults += [Fault(_shown(f"{kind} {name}"), None, "", _shown(text)) for name, text in unknown]
    tree = layers.merge(sources.document.value, layers.tree_of(sources.secrets))
    tree = layers.merge(tree, layers.tree_of(sources.env))
    tree = _without_lone_secrets(tree, sources.document.value)
    tree = templates.anchored(tree, None if sources.file == _DEFAULTS else Path(sources.file))
    sources.tree, failed = layers.resolve(_with_defaults(tree), resolver)
    config, found = _validated(sources.tree, now)
    found = [*(Issue(path, message) for path, message in failed), *found]
    found += fixed_faults(config, running) if config and running else ()
    faults += [sources.fault(issue) for issue in found]
    faults = sorted(dict.fromkeys(faults), key=lambda fault: (fault.line or 0, fault.file))
    return config, [*faults, *_of_templates(sources.tree)]


def _of_templates(tree: dict[str, Any]) -> Iterator[Fault]:
    for file, line, message in templates.faults(tree):
        yield Fault(file, line, "templates", _shown(message))


def _without_lone_secrets(tree: dict[str, Any], written: Any) -> dict[str, Any]:
    """A token in the environment for a sink that nobody configured is no fault: environments are shared,
    and a misspelt one shows when the sink that lacks its token says so."""
    sinks, named = tree.get("sinks"), _mapping(_mapping(written).get("sinks"))
    if not isinstance(sinks, dict):
        return tree
    kept = {name: value for name, value in sinks.items() if name in named or "type" in _mapping(value)}
    return {**tree, "sinks": kept}


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _with_defaults(tree: dict[str, Any]) -> dict[str, Any]:
    """Sections written without anything in them (``accounts:``) are as if they weren't there."""
    known = Config.model_fields
    tree = {key: value for key, value in tree.items() if value is not None or key not in known}
    if tree.get("sinks", {}) == {}:
        tree["sinks"] = dict(DEFAULT_SINKS)
    return {"rules": default_rules(_sink_names(tree)), **tree}


def _sink_names(tree: dict[str, Any]) -> list[str]:
    return list(tree["sinks"] if isinstance(tree["sinks"], dict) else DEFAULT_SINKS)


def _validated(tree: dict[str, Any], now: datetime | None) -> tuple[Config | None, list[Issue]]:
    sinks, issues = _sinks(tree["sinks"])
    config: Config | None = None
    try:
        config = Config(**tree | {"sinks": sinks})
    except ValidationError as error:
        issues += islice(messages.issues(error, Config), _MOST_TOLD)
    issues += islice(lint.lint_rules(_parts(tree["rules"]), _sink_names(tree), now), _MOST_TOLD)
    accounts = _part(AccountsSettings, tree.get("accounts", {}))
    issues += islice(lint.lint_accounts(accounts), _MOST_TOLD) if accounts else ()
    guards = _part(GuardSettings, tree.get("guards", {}))
    issues += lint.lint_canary(accounts, guards.canary) if accounts and guards else ()
    return config, issues


def _parts(rules: Any) -> dict[int, RuleSettings]:
    """The rules that are valid in themselves, so that their common faults show beside the others' own."""
    parts = {
        at: _part(RuleSettings, rule) for at, rule in enumerate(rules if isinstance(rules, list) else ())
    }
    return {at: rule for at, rule in parts.items() if rule}


def _part(model: type[_Model], value: Any) -> _Model | None:
    try:
        return model.model_validate(value)
    except ValidationError:
        return None


def _sinks(tree: Any) -> tuple[dict[str, BaseModel], list[Issue]]:
    if not isinstance(tree, dict):
        return {}, [Issue(("sinks",), "should be a mapping of names to sinks")]
    if len(tree) > _MOST_SINKS:
        return {}, [Issue(("sinks",), f"should not be more than {_MOST_SINKS}")]
    sinks: dict[str, BaseModel] = {}
    issues: list[Issue] = []
    for name, value in tree.items():
        path = ("sinks", name)
        wrong = _misfit(name, value)
        if wrong:
            issues.append(Issue((*path, *wrong[0]), wrong[1]))
            continue
        try:
            model = registry.sink_type(value["type"]).settings
        except ConfigError as error:
            issues.append(Issue((*path, "type"), str(error)))
            continue
        try:
            sinks[name] = model.model_validate(value)
        except ValidationError as error:
            issues += islice(messages.issues(error, model, path), _MOST_TOLD)
    return sinks, issues


def _misfit(name: str, value: Any) -> tuple[tuple[str, ...], str] | None:
    """What makes a sink unreadable as any type: the path below it, and a sentence."""
    if name.lower() in RESERVED_SINKS:
        return (), f'the sink name "{name}" is reserved'
    if not isinstance(value, dict):
        return (), "should be a mapping with a type"
    kind, known = value.get("type"), registry.names()
    if "type" not in value:
        return ("type",), f"is missing (one of {', '.join(known)})"
    if kind not in known:
        hint = lint.did_you_mean(str(kind)[:20], known) or f" (one of {', '.join(known)})"
        return ("type",), f"unknown type of sink{hint}"
    return None


def _secrets(tree: dict[str, Any]) -> Iterator[str]:
    """Every value in the tree that a message must not quote, even by a validator of another's making."""
    if "@" in str(tree.get("ledger")):  # a URL with a password
        yield str(tree["ledger"])
    sinks = tree["sinks"] if isinstance(tree["sinks"], dict) else {}
    for sink in sinks.values():
        if isinstance(sink, dict):
            yield from (str(v) for k, v in sink.items() if _SECRET_NAME.search(k))
    yield from _passwords(tree.get("http"))


def _passwords(http: Any) -> Iterator[str]:
    logins = _mapping(_mapping(http).get("auth")).get("basic")
    for login in logins if isinstance(logins, list) else ():
        yield from (str(v) for k, v in _mapping(login).items() if _SECRET_NAME.search(k))


def _kind(value: Any, path: Keys) -> type:
    """The type of what is at ``path``; NoneType when nothing is."""
    for part in path:
        there = (
            part in value
            if isinstance(value, dict)
            else isinstance(value, list) and part in range(len(value))
        )
        value = value[part] if there else None
    return type(value)


def _dotted(path: Keys) -> str:
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".")


def _shown(text: str) -> str:
    """One line of bearable length, as safe for a terminal as for a log."""
    line = redact(" ".join(text.split()))[:500]
    return "".join(letter if letter.isprintable() else "�" for letter in line)
