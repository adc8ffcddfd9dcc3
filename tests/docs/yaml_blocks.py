"""YAML of the documentation: Keysteward's own is read by its models, another program's by its keys."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from app.config.load import check_config
from app.config.schema import Config
from app.config.yaml_marks import read_yaml

NOW = datetime(2026, 11, 20, tzinfo=UTC)
OPTIONS = frozenset(Config.model_fields)
# Whose YAML it is, by top-level keys that it needs. It is parsed; the files have tests of their own.
FOREIGN: Mapping[str, frozenset[str]] = {
    "Slack app manifest": frozenset({"display_information"}),
    "Kubernetes": frozenset({"apiVersion", "kind"}),
    "Compose": frozenset({"services"}),
    "Prometheus": frozenset({"scrape_configs"}),
    "Prometheus's rule_files": frozenset({"rule_files"}),
    "Prometheus rules": frozenset({"groups"}),
    "Alertmanager": frozenset({"route", "receivers"}),
    "Alertmanager's receivers": frozenset({"receivers"}),
    "CloudFormation": frozenset({"Resources"}),
    "Grafana provisioning": frozenset({"datasources"}),
    "Grafana dashboards": frozenset({"providers"}),
    "Cloud Custodian": frozenset({"policies"}),
}
LADDER: list[dict[str, Any]] = [
    {"name": "warn", "when": {"age": "75d"}, "notify": ["slack"], "repeat": "7d"},
    {"name": "deactivate", "when": {"age": "90d"}, "do": "deactivate", "notify": ["slack", "jira"]},
]
# What a fragment may leave to the reader: it is laid over this.
MINIMAL: dict[str, Any] = {
    "rules": [{"name": "default", "match": {}, "stages": LADDER}],
    "sinks": {
        "slack": {"type": "slack", "channel": "#iam-keys"},
        "jira": {"type": "jira", "server": "https://example.atlassian.net", "project": "SEC"},
        "mail": {"type": "email", "from": "keys@example.com"},
    },
}


def alternatives(text: str) -> list[str]:
    """One text for each config that a block shows: a top-level key that comes again begins another."""
    found: list[list[str]] = [[]]
    seen: set[str] = set()
    for line in text.splitlines():
        key = re.match(r"[\w\"'][^:#]*(?=:)", line)
        if key and key[0] in seen:
            found.append([])
            seen = set()
        seen |= {key[0]} if key else set()
        found[-1].append(line)
    return ["\n".join(lines) + "\n" for lines in found]


def documents(text: str) -> list[Any]:
    return [document for document in yaml.safe_load_all(text) if document is not None]


def owner_of(document: Any) -> str:
    """``keysteward``, or another program's name. Empty: nobody knows."""
    keys = set(document) if isinstance(document, dict) else set()
    if keys and keys <= OPTIONS:
        return "keysteward"
    return next((name for name, needed in FOREIGN.items() if needed <= keys), "")


def is_whole(text: str) -> bool:
    """A config as a reader would save it, rather than a part of one."""
    return all(re.search(rf"^{key}:", text, re.MULTILINE) for key in ("accounts", "ledger"))


def faults(text: str, folder: Path) -> list[str]:
    """What is wrong with a config or a part of one. ``folder`` stands for /etc/keysteward."""
    document = read_yaml(settled(text, folder))
    if document.faults:
        return [f"line {line}: {said}" for line, _, said in document.faults]
    tree = document.value if is_whole(text) else filled(document.value)
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(tree, sort_keys=False, allow_unicode=True))
    found = check_config(path, {}, now=NOW)
    return [f"{fault.path}: {fault.message}" for fault in found if fault.severity != "warning"]


def settled(text: str, folder: Path) -> str:
    """The same text for files of this machine."""
    (folder / "templates").mkdir(exist_ok=True)
    (folder / "owners.csv").write_text("user,account,owner\n")
    return text.replace("/etc/keysteward", str(folder))


def filled(fragment: dict[str, Any]) -> dict[str, Any]:
    """The fragment over the minimal config."""
    tree = {**MINIMAL, **fragment}
    tree["sinks"] = {**MINIMAL["sinks"], **dict(_sinks(fragment.get("sinks") or {}))}
    tree["rules"] = [_rule(rule) for rule in tree["rules"]]
    return tree


def _rule(rule: dict[str, Any]) -> dict[str, Any]:
    return rule if "exempt" in rule or "stages" in rule else {**rule, "stages": LADDER}


def _sinks(sinks: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Without the type of another package: tests/functional/test_sink_of_another_package.py has it."""
    return ((name, sink) for name, sink in sinks.items() if sink.get("type") != "file")
