"""References to secrets: what is read is what stands there, and nothing else of the config changes."""

import json
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

from app.config.layers import is_reference, resolve
from app.errors import Permanent
from app.inventory.secrets import value_at
from tests.fuzz import texts, trees
from tests.fuzz.attack import attack, each_effort, tried

SECRETS = (
    json.dumps({"token": texts.SECRET, "port": 5432, "": "nameless", "a#b": "x", "null": None, "yes": True}),
    json.dumps({"username": "keysteward", "password": f"{texts.SECRET}/ü#"}, indent=2),
    texts.SECRET,
)
KEYS = st.sampled_from(("token", "port", "password", "null", "yes", "a#b", "missing", "0", "toke\u0274"))
PLACES = ("sinks", "http", "ledger")
TREES: tuple[Any, ...] = (
    {
        "mode": "notify",
        "sinks": {
            "slack": {"type": "slack", "token": {"secretsmanager": "team/slack#token"}},
            "hook": {"type": "webhook", "headers": {"X-Key": "secretsmanager:arn:aws:secretsmanager:x"}},
            "jira": {"type": "jira", "token": "secretsmanager:jira", "labels": ["secretsmanager:label"]},
        },
        "http": {"auth": {"basic": [{"user": "ann", "password": {"secretsmanager": "page"}}]}},
        "ledger": {"secretsmanager": "ledger"},
        "rules": [{"name": "secretsmanager:no", "match": {"tags": {"secretsmanager": "no"}}}],
    },
    {"ledger": "secretsmanager:ledger#url"},
)


@each_effort
def test_a_key_of_a_secret_is_refused_in_words_or_its_very_value(examples: int) -> None:
    keys = st.one_of(KEYS, texts.spoiled(("token", "password")))
    attack(st.tuples(keys, texts.spoiled(SECRETS)), check_value, examples)


def check_value(given: tuple[str, str]) -> None:
    key, secret = given
    found, words = tried(lambda: value_at(key, secret), Permanent)
    assert texts.SECRET not in words.replace(repr(key), "")
    if found is not None:
        stands = json.loads(secret)[key]
        assert type(stands) in (str, int)
        assert found == str(stands)


@each_effort
def test_references_are_read_where_they_stand_and_nothing_else_changes(examples: int) -> None:
    attack(trees.spoiled(TREES), check_tree, examples)


def check_tree(tree: Any) -> None:
    if not isinstance(tree, dict):
        return
    asked: list[str] = []

    def resolver(name: str) -> str:
        asked.append(name)
        if len(name) % 2:
            raise Permanent("the secret can't be read")
        return f"read:{name}"

    before = json.dumps(tree, sort_keys=True)
    resolved, failed = resolve(tree, resolver)
    assert json.dumps(tree, sort_keys=True) == before
    assert sorted(asked) == sorted(references(tree))
    assert len(failed) == sum(len(name) % 2 for name in asked)
    unread = [name for part in PLACES for name in references({part: resolved.get(part)})]
    assert sorted(unread) == sorted(name for name in asked if len(name) % 2)
    for name, value in tree.items():
        assert name in PLACES or json.dumps(resolved[name]) == json.dumps(value)


def references(tree: dict[str, Any]) -> Iterator[str]:
    """Slowly, by the manual: of what is below `PLACES`, each value that is one."""
    waiting = [tree.get(place) for place in PLACES]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict) and list(value) == ["secretsmanager"]:
            inner = value["secretsmanager"]
            value = f"secretsmanager:{inner}" if isinstance(inner, str) else value
        if is_reference(value):
            yield str(value).partition(":")[2]
        elif isinstance(value, dict):
            waiting += value.values()
        elif isinstance(value, list):
            waiting += value
