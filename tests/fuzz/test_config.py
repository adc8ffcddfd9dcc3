"""The config file and the environment: whatever is in them, the config loads whole or not at all."""

import json
import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import strategies as st

from app.config.load import check_config, load_config
from app.config.schema import Config, json_schema
from app.errors import ConfigError
from app.model import Account, Credential, LastUsed
from app.policy.evaluate import evaluate
from app.policy.near import need_of
from app.service.daemon import Schedule
from tests.fuzz import texts, trees
from tests.fuzz.attack import attack, each_effort, tried

HIDDEN = re.compile(rf'token"?: "?{texts.SECRET}["}},\n]')  # where it is known to be a secret
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
ROOT = Path(__file__).parents[2]
WIDE = f"""\
mode: enforce
accounts:
  organization: {{role_name: spoke, include_ous: [ou-ab12-11111111], exclude_accounts: ["999988887777"]}}
  static:
    - {{id: "111122223333", name: prod, role_arn: "arn:aws:iam::111122223333:role/spoke", mode: notify}}
schedule: {{cron: "0 */6 * * 1-5", timezone: Europe/Berlin}}
scan: {{concurrency: 8, requests_per_second: 2.5}}
owners:
  - {{tag: owner}}
  - {{user_name: "{{user}}@example.com", match: "*.*"}}
  - {{map: {{ci-deploy: platform@example.com}}}}
  - {{fallback: security@example.com}}
rules:
  - name: break-glass
    match: {{tags: {{break-glass: "true"}}, accounts: [prod], users: "svc-*"}}
    exempt: {{reason: Sealed, approved_by: ciso@example.com, until: 2027-03-31}}
  - name: default
    mode: notify
    snooze: {{longest: 7d, allowed: true}}
    stages: &ladder
      - {{name: warn, when: {{age: 75d}}, notify: [slack], repeat: 7d}}
      - {{name: final, when: {{age: 87d}}, notify: [slack, jira], repeat: 1d}}
      - name: deactivate
        when: {{any: [{{age: 90d}}, {{all: [{{unused: 45d}}, {{age: 60d}}]}}]}}
        do: deactivate
        notify: [slack, jira]
        require: {{notices: 2, over: 7d}}
      - {{name: delete, when: {{inactive: 30d}}, do: delete, notify: [slack]}}
guards:
  deactivations_per_run: 10
  share_of_account: 25%
  brake: {{deactivations: 50, share: 5%}}
  freeze: ["Fri 16:00 - Mon 08:00 Europe/Berlin"]
sinks:
  slack: {{type: slack, channel: "#iam-keys", token: {texts.SECRET}}}
  jira: {{type: jira, server: "https://example.atlassian.net", project: SEC, token: {texts.SECRET}}}
ledger: sqlite:///./ledger.db
http:
  listen: "127.0.0.1:8080"
  auth: {{basic: [{{user: ann, password: {texts.SECRET}}}]}}
log_level: info
"""
BOMB = "a: &a [x, x]\n" + "".join(f"{b}: &{b} [*{a}, *{a}]\n" for a, b in pairwise("abcdefghijklmnopq"))
VALID = (WIDE, (ROOT / "config.example.yaml").read_text(), WIDE.replace("mode: enforce", "mode: observe"))
TREES = tuple(
    yaml.safe_load(text.replace("until: 2027-03-31", "until: '2027-03-31'")) for text in (WIDE, VALID[1])
)
ENVIRONMENTS: tuple[Mapping[str, str], ...] = (
    {"KEYSTEWARD_MODE": "notify"},
    {"KEYSTEWARD_SINKS__SLACK__TOKEN": texts.SECRET, "KEYSTEWARD_GUARDS": "{notices_per_run: 7}"},
    {"KEYSTEWARD_RULES__1__STAGES__0__WHEN__AGE": "70d", "KEYSTEWARD_HTTP__LISTEN": "[::1]:9"},
)


@dataclass(frozen=True)
class Case:
    text: str
    env: Mapping[str, str] = field(default_factory=dict)
    doomed: bool = False  # it must not load


@st.composite
def unknown_keys(draw: st.DrawFn) -> Case:
    """A valid config with one key that nobody knows, somewhere in a section."""
    tree = deepcopy(draw(BEGUN))
    places = list(sections(tree, SCHEMA))
    place, _ = places[draw(texts.FRACTION) * len(places) // 10_000]
    place[draw(STRANGE)] = 1
    return Case(json.dumps(tree), doomed=True)


@st.composite
def doubled_keys(draw: st.DrawFn) -> Case:
    """A valid config in which one setting is written twice."""
    lines = WIDE.splitlines(keepends=True)
    at = draw(DOUBLED)
    return Case("".join((*lines[:at], lines[at].replace("&ladder", ""), *lines[at:])), doomed=True)


@st.composite
def environments(draw: st.DrawFn) -> Case:
    """A valid config, and variables of which one has another name or value."""
    env = dict(draw(VARIABLES))
    name = draw(st.sampled_from(sorted(env)))
    value = texts.change(draw, env.pop(name))
    return Case(WIDE, {**env, (texts.change(draw, name) if draw(texts.EITHER) else name): value})


def sections(tree: Any, schema: Any) -> Iterator[tuple[dict[str, Any], set[str]]]:
    """Every mapping of the tree in which an unknown key is an error, and the keys that are known there."""
    for kind in kinds(schema, tree):
        known = kind.get("properties", {})
        if isinstance(tree, dict) and kind.get("additionalProperties") is False:
            yield tree, set(known)
        for name, value in tree.items() if isinstance(tree, dict) else ():
            yield from sections(value, known.get(name, kind.get("additionalProperties")))
        for item in tree if isinstance(tree, list) else ():
            yield from sections(item, kind.get("items"))


def kinds(schema: Any, tree: Any) -> Iterator[Mapping[str, Any]]:
    """The schema behind a reference, each of several, or that of the sink's type."""
    if not isinstance(schema, dict):
        return
    if "$ref" in schema:
        schema = DEFINITIONS[schema["$ref"].rpartition("/")[2]]
    sinks = schema.get("oneOf", ())
    mine = [sink for sink in sinks if sink["properties"]["type"]["const"] == tree.get("type")]
    several = [*schema.get("anyOf", ()), *mine]
    for kind in several:
        yield from kinds(kind, tree)
    if not several:
        yield schema


SCHEMA = json_schema()
SINKS = SCHEMA["properties"]["sinks"]["additionalProperties"]["oneOf"]
DEFINITIONS = {name: kind for part in (SCHEMA, *SINKS) for name, kind in part.get("$defs", {}).items()}
BEGUN = st.sampled_from(TREES)
STRANGE = st.sampled_from(("x", "Mode", "modes ", "when ", "nаme", "", "<<<", "1", "_", "null", "a" * 5_000))
DOUBLED = st.sampled_from(
    [n for n, line in enumerate(WIDE.splitlines()) if ": " in line and not line.lstrip().startswith("-")]
)
VARIABLES = st.sampled_from(ENVIRONMENTS)
CASES = st.one_of(
    st.builds(Case, texts.spoiled((*VALID, BOMB + WIDE))),
    st.builds(Case, texts.spoiled(VALID)),
    st.builds(Case, trees.spoiled(TREES).map(json.dumps)),
    environments(),
    unknown_keys(),
    doubled_keys(),
)


@each_effort
def test_a_config_loads_whole_or_says_what_is_wrong_with_it(examples: int, tmp_path: Path) -> None:
    attack(CASES, lambda case: check(case, tmp_path / "config.yaml"), examples)


def check(case: Case, file: Path) -> None:
    file.write_bytes(texts.as_bytes(case.text))
    config, words = tried(lambda: load_config(file, case.env, now=NOW), ConfigError)
    if config is None:
        readable(words, file, hidden=bool(HIDDEN.search(case.text)))
        return
    assert not case.doomed
    assert "error" not in {fault.severity for fault in check_config(file, case.env, now=NOW)}
    assert strays(yaml.load(case.text, Loader=_Texts)) == set()
    usable(config)


def readable(message: str, file: Path, hidden: bool) -> None:
    """One line a fault, which a terminal shows as it stands, without a secret or a full key id."""
    for fault in message.split("\n"):
        assert fault.startswith((f"{file}:", "environment KEYSTEWARD_"))
        assert fault.isprintable(), fault
        assert len(fault) < 2_000
        assert texts.SECRET not in fault or not hidden
        assert texts.KEY_ID not in fault


class _Texts(yaml.CSafeLoader):
    """Merges and aliases as YAML has them; scalars as they stand."""

    def construct_object(self, node: Any, deep: bool = False) -> Any:
        return node.value if isinstance(node, yaml.ScalarNode) else super().construct_object(node, deep)


def strays(tree: Any) -> set[str]:
    return {str(name) for section, known in sections(tree, SCHEMA) for name in section.keys() - known}


def usable(config: Config) -> None:
    """Nothing that loaded fails later: the policy can be asked, windows and the schedule have their times."""
    policy, limits, wanted = config.policy(), config.limits(), config.schedule
    for credential in CREDENTIALS:
        evaluate(policy, ACCOUNT, credential, NOW, NOW)
    assert need_of(policy).near_age >= timedelta(0)
    assert all(isinstance(window.covers(NOW), bool) for window in limits.freeze)
    schedule = Schedule(wanted.every, wanted.spread, wanted.cron, wanted.timezone)
    assert schedule.trigger().get_next_fire_time(None, NOW)
    assert 0 <= config.http.port < 65_536
    assert len(config.hash) == 64


ACCOUNT = Account("111122223333", "prod", tags={"team": "x"})
KEY = Credential(
    "111122223333", "svc-ann", "AKIAEXAMPLE000000001", "Active", NOW, LastUsed.never(), NOW, live=True
)
CREDENTIALS = tuple(
    replace(
        KEY, created=NOW - timedelta(days=days), status=status, tags={"owner": "ann@example.com"}, groups=()
    )
    for days in (1, 80, 400)
    for status in ("Active", "Inactive")
)


@pytest.mark.parametrize("text", VALID, ids=("wide", "example", "observe"))
def test_what_is_spoiled_was_valid(text: str, tmp_path: Path) -> None:
    file = tmp_path / "config.yaml"
    file.write_text(text)
    usable(load_config(file, {}, now=NOW))
