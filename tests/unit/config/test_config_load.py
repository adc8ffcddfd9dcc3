"""Where settings come from: file, secrets folder, environment, AWS Secrets Manager."""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from app.config.load import check_config, find_config, load_config
from app.config.schema import json_schema
from app.config.yaml_marks import read_yaml
from app.errors import ConfigError, Permanent
from app.model import Do, Mode, RoleRef
from app.plan.limits import Canary
from app.policy.rules import Age, AnyOf, Inactive, OwnerByTag, OwnerByUserName, Require, Unused
from app.sinks.slack.settings import SlackSettings

FULL = Path(__file__).parent / "full.yaml"
NOW = datetime(2026, 11, 20, tzinfo=UTC)
TOKEN = "KEYSTEWARD_SINKS__SLACK__TOKEN"
SLACK = "sinks: {slack: {type: slack}}\n"


def written(folder: Path, text: str) -> Path:
    file = folder / "config.yaml"
    file.write_text(text)
    return file


def token_of(path: Path | None, env: dict[str, str]) -> str | None:
    slack = load_config(path, env).sinks["slack"]
    assert isinstance(slack, SlackSettings)
    return slack.token.get_secret_value() if slack.token else None


def refusal(path: Path | None, env: dict[str, str]) -> list[str] | None:
    """The lines of the refusal, None when it loads. Any other exception is the test's failure."""
    try:
        load_config(path, env, now=NOW)
    except ConfigError as error:
        return str(error).splitlines()
    return None


def said(path: Path | None, env: dict[str, str]) -> str:
    with pytest.raises(ConfigError) as caught:
        load_config(path, env, now=NOW)
    return str(caught.value)


# --- the whole file ------------------------------------------------------------------------------


def test_a_config_that_uses_everything_loads_without_a_fault() -> None:
    assert check_config(FULL, {}, now=NOW) == []
    config = load_config(FULL, {}, now=NOW)
    assert sorted(config.sinks) == ["jira", "mail", "slack"]
    assert config.http.port == 8080


def test_it_becomes_the_policy_that_it_says() -> None:
    policy = load_config(FULL, {}).policy()
    assert policy.mode is Mode.OBSERVE
    assert policy.owners[:2] == (OwnerByTag("owner"), OwnerByUserName("{user}@example.com", "*.*"))
    sealed, default = policy.rules
    assert sealed.exemption is not None
    assert sealed.exemption.until == datetime(2027, 3, 31, tzinfo=UTC)
    assert sealed.match.tags == {"break-glass": ("true",)}
    warn, _, _, deactivate, delete = default.stages
    assert (warn.when, warn.repeat, warn.notify) == (Age(timedelta(days=75)), timedelta(days=7), ("slack",))
    assert deactivate.when == AnyOf((Age(timedelta(days=90)), Unused(timedelta(days=45))))
    assert (deactivate.do, deactivate.require) == (Do.DEACTIVATE, Require(2, timedelta(days=7)))
    assert (delete.when, delete.do) == (Inactive(timedelta(days=30)), Do.DELETE)


def test_it_becomes_the_limits_that_it_says() -> None:
    limits = load_config(FULL, {}).limits()
    assert (limits.deactivations_per_run, limits.share_of_account, limits.notices_per_run) == (10, 0.25, 500)
    assert (limits.brake.deactivations, limits.brake.share) == (50, 0.05)
    assert limits.canary == Canary(("sandbox-*", "999988887777"), timedelta(days=2))
    assert limits.freeze[0].covers(datetime(2026, 11, 21, tzinfo=UTC))


def test_a_static_account_carries_its_roles_and_its_mode() -> None:
    account = load_config(FULL, {}).accounts.static[0].domain()
    assert (account.id, account.name, account.mode) == ("111122223333", "prod", Mode.NOTIFY)
    assert account.reader == RoleRef("arn:aws:iam::111122223333:role/keysteward-spoke", "0f9e-8d7c")


def test_with_no_file_the_default_is_cis_and_touches_nothing() -> None:
    config = load_config(None, {})
    (rule,) = config.policy().rules
    assert (config.mode, rule.name) == (Mode.OBSERVE, "default")
    assert AnyOf((Age(timedelta(days=90)), Unused(timedelta(days=45)))) in [s.when for s in rule.stages]
    assert check_config(None, {}) == []


def test_without_rules_the_default_ladder_uses_the_sinks_that_there_are(tmp_path: Path) -> None:
    config = load_config(written(tmp_path, SLACK), {})
    assert {stage.notify for stage in config.policy().rules[0].stages} == {("slack",)}


# --- layers --------------------------------------------------------------------------------------


def test_the_environment_wins_over_the_secrets_folder_and_that_over_the_file(tmp_path: Path) -> None:
    file = written(tmp_path, "sinks: {slack: {type: slack, token: of-the-file}}\n")
    folder = tmp_path / "secrets"
    folder.mkdir()
    env = {"KEYSTEWARD_SECRETS_DIR": str(folder)}
    assert token_of(file, env) == "of-the-file"
    (folder / TOKEN.lower()).write_text("of-the-folder\n")
    assert token_of(file, env) == "of-the-folder"
    assert token_of(file, {**env, TOKEN: "of-the-environment"}) == "of-the-environment"


def test_a_secret_of_digits_stays_text(tmp_path: Path) -> None:
    assert token_of(written(tmp_path, SLACK), {TOKEN: "0123456789"}) == "0123456789"


def test_an_empty_variable_counts_as_not_set(tmp_path: Path) -> None:
    assert load_config(written(tmp_path, "mode: notify\n"), {"KEYSTEWARD_MODE": ""}).mode is Mode.NOTIFY


def test_numbers_flags_and_lists_come_from_the_environment_too() -> None:
    config = load_config(
        None,
        {
            "KEYSTEWARD_MODE": "notify",
            "KEYSTEWARD_GUARDS__DEACTIVATIONS_PER_RUN": "3",
            "KEYSTEWARD_GUARDS__BRAKE__SHARE": "7%",
            "KEYSTEWARD_GUARDS__FREEZE": '["Fri 16:00 - Mon 08:00"]',
            "KEYSTEWARD_HTTP__PUBLIC_PAGE": "true",
            "KEYSTEWARD_SCHEDULE__EVERY": "1h",
            "KEYSTEWARD_OWNERS": "[{fallback: a@example.com}]",
        },
    )
    assert (config.mode, config.guards.deactivations_per_run) == (Mode.NOTIFY, 3)
    assert (config.guards.brake.share, config.http.public_page) == (0.07, True)
    assert config.schedule.every == timedelta(hours=1)
    assert config.guards.freeze[0].text == "Fri 16:00 - Mon 08:00"
    assert config.owners[0].fallback == "a@example.com"


def test_one_item_of_a_list_is_named_by_its_place() -> None:
    config = load_config(FULL, {"KEYSTEWARD_ACCOUNTS__STATIC__0__EXTERNAL_ID": "from-env"})
    assert config.accounts.static[0].external_id == "from-env"
    assert config.accounts.static[0].name == "prod"


def test_an_item_that_the_list_does_not_have_is_a_fault_of_the_variable() -> None:
    name = "KEYSTEWARD_ACCOUNTS__STATIC__1__EXTERNAL_ID"
    assert said(FULL, {name: "from-env"}) == f"environment {name}: accounts.static: should be a list"


def test_a_sink_name_with_capitals_is_found_by_its_variable(tmp_path: Path) -> None:
    file = written(tmp_path, "sinks: {Slack: {type: slack}}\n")
    slack = load_config(file, {TOKEN: "xoxb-1"}).sinks["Slack"]
    assert isinstance(slack, SlackSettings)
    assert slack.token is not None


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        (
            "KEYSTEWARD_MODES",
            "x",
            "environment KEYSTEWARD_MODES: no such setting, did you mean KEYSTEWARD_MODE?",
        ),
        ("KEYSTEWARD_SINKS_SLACK_TOKEN", "x", f"no such setting, did you mean {TOKEN}?"),
        (
            "KEYSTEWARD_MODE",
            "x",
            "environment KEYSTEWARD_MODE: mode: should be 'observe', 'notify' or 'enforce'",
        ),
        (
            "KEYSTEWARD_GUARDS__FREEZE",
            "x",
            "environment KEYSTEWARD_GUARDS__FREEZE: guards.freeze: should be a list",
        ),
        ("KEYSTEWARD_HTTP", "x", "environment KEYSTEWARD_HTTP: http: should be a mapping"),
        ("KEYSTEWARD_HTTP__LISTENS", "x", 'http.listens: unknown key "listens", did you mean "listen"?'),
        ("KEYSTEWARD_HTTP", "{listen: 'a:1', listen: 'b:2'}", "http: should be a mapping"),
        ("KEYSTEWARD_\x1b[2J", "x", "environment KEYSTEWARD_�[2J: no such setting"),
        (
            "KEYSTEWARD_MODE__X",
            "x",
            "environment KEYSTEWARD_MODE__X: no such setting: KEYSTEWARD_MODE has nothing below it",
        ),
    ],
)
def test_a_bad_variable_is_named(name: str, value: str, expected: str) -> None:
    assert expected in said(None, {name: value})
    assert "\n" not in said(None, {name: value})


def test_a_fault_in_the_secrets_folder_names_its_file(tmp_path: Path) -> None:
    (tmp_path / "KEYSTEWARD_MODE").write_text("loud")
    text = said(None, {"KEYSTEWARD_SECRETS_DIR": str(tmp_path)})
    assert text.startswith("secrets folder KEYSTEWARD_MODE: mode: should be")


def test_variables_of_others_are_left_alone() -> None:
    env = {
        "KEYSTEWARD_CONFIG": "x",
        "KEYSTEWARD_SERVICE_HOST": "10.0.0.1",  # Kubernetes sets these beside a Service of our name
        "KEYSTEWARD_PORT": "tcp://10.0.0.1:80",
        "KEYSTEWARD_PORT_80_TCP_ADDR": "10.0.0.1",
        "AWS_REGION": "eu-central-1",
        "PATH": "/bin",
    }
    assert load_config(None, env) == load_config(None, {})


def test_the_process_environment_is_not_read_behind_the_callers_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("KEYSTEWARD_MODE", "enforce")
    assert load_config(None, {}).mode is Mode.OBSERVE


@pytest.mark.parametrize("kind", ["missing", "file", "binary", "large", "of a name too long"])
def test_a_bad_secrets_folder_is_one_clear_line(tmp_path: Path, kind: str) -> None:
    folder = tmp_path / ("s" * 5_000 if kind == "of a name too long" else "s")
    if kind == "file":
        folder.write_text("x")
    elif kind in ("binary", "large"):
        folder.mkdir()
        (folder / TOKEN).write_bytes(b"\xff\xfe" if kind == "binary" else b"x" * 70_000)
    text = said(None, {"KEYSTEWARD_SECRETS_DIR": str(folder)})
    assert text.startswith("environment KEYSTEWARD_SECRETS_DIR: ")
    assert "\n" not in text


# --- secrets -------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["{secretsmanager: 'slack#token'}", "'secretsmanager:slack#token'"])
def test_a_reference_is_resolved_by_what_the_caller_passes_in(tmp_path: Path, form: str) -> None:
    file = written(tmp_path, f"sinks: {{slack: {{type: slack, token: {form}}}}}\n")
    asked: list[str] = []

    def resolver(name: str) -> str:
        asked.append(name)
        return "xoxb-resolved"

    slack = load_config(file, {}, resolver=resolver).sinks["slack"]
    assert isinstance(slack, SlackSettings)
    assert slack.token is not None
    assert slack.token.get_secret_value() == "xoxb-resolved"
    assert asked == ["slack#token"]
    assert check_config(file, {}) == []


def test_a_config_without_references_resolves_nothing() -> None:
    def resolver(name: str) -> str:
        raise AssertionError(name)

    assert load_config(FULL, {}, resolver=resolver).mode is Mode.OBSERVE


def test_a_reference_that_fails_is_a_fault_at_its_place(tmp_path: Path) -> None:
    file = written(tmp_path, "sinks:\n  slack:\n    type: slack\n    token: {secretsmanager: gone}\n")

    def resolver(name: str) -> str:
        raise Permanent(f'there is no secret "{name}"')

    with pytest.raises(ConfigError) as caught:
        load_config(file, {}, resolver=resolver)
    assert str(caught.value) == f'{file}:4: sinks.slack.token: there is no secret "gone"'


def test_no_secret_is_in_any_message_nor_in_what_is_printed(tmp_path: Path) -> None:
    secret = "xoxb-very-secret-0001"
    file = written(
        tmp_path,
        dedent(f"""\
        ledger: mysql://root:{secret}@db/x
        sinks:
          a: {{type: slack, token: [{secret}]}}
          b: {{type: slack, token: {{x: {secret}}}}}
          c: {{type: {secret}}}
          d: {secret}
          e: {{type: email, from: {secret}, password: 12}}
        """),
    )
    env = {"KEYSTEWARD_SINKS__A__APP_TOKEN": "{a: " + secret + "}", "KEYSTEWARD_HTTP__LISTEN": secret}
    assert secret not in said(file, env)

    good = written(tmp_path, f"sinks: {{slack: {{type: slack, token: {secret}}}}}\n")
    config = load_config(good, {"KEYSTEWARD_LEDGER": f"postgresql://u:{secret}@db/x"})
    assert secret not in repr(config) + config.model_dump_json()
    assert config.ledger_url.endswith("@db/x")


def test_a_secret_that_someone_else_quotes_is_blotted_out(tmp_path: Path) -> None:
    file = written(
        tmp_path, "sinks: {slack: {type: slack, token: xoxb-quoted, app_token: {secretsmanager: x}}}\n"
    )

    def resolver(_name: str) -> str:
        raise Permanent("not found, and by the way: xoxb-quoted")

    with pytest.raises(ConfigError, match=r"by the way: \*\*\*$"):
        load_config(file, {}, resolver=resolver)


def test_a_full_key_id_is_masked_in_messages(tmp_path: Path) -> None:
    file = written(tmp_path, "AKIAABCDEFGHIJKLWXYZ: 1\n")
    assert "AKIAABCDEFGHIJKLWXYZ" not in said(file, {})
    assert "…WXYZ" in said(file, {})


# --- files ---------------------------------------------------------------------------------------


def test_the_option_comes_before_the_variable_and_that_before_the_working_directory(tmp_path: Path) -> None:
    here = written(tmp_path, "mode: observe\n")
    env = {"KEYSTEWARD_CONFIG": "other.yaml"}
    assert find_config(Path("x.yaml"), env, tmp_path) == Path("x.yaml")
    assert find_config(None, env, tmp_path) == tmp_path / "other.yaml"
    assert find_config(None, {}, tmp_path) == here


def test_a_link_to_nowhere_is_told_rather_than_passed_over(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").symlink_to(tmp_path / "nowhere")
    found = find_config(None, {}, tmp_path)
    assert found == tmp_path / "config.yaml"
    assert "can't be read: No such file" in said(found, {})


@pytest.mark.parametrize(
    ("name", "content", "part"),
    [
        ("missing", None, "can't be read: No such file"),
        ("folder", None, "can't be read: Is a directory"),
        ("latin", "# café".encode("latin-1"), ":1: is not UTF-8 text"),
        ("utf16", "mode: observe".encode("utf-16"), "is not UTF-8 text"),
        ("empty", b"", ":1: the file is empty"),
        ("huge", b"# " + b"x" * (1 << 20), "is larger than 1 MiB"),
    ],
)
def test_a_file_that_can_not_be_read_is_one_clear_line(
    tmp_path: Path, name: str, content: bytes | None, part: str
) -> None:
    file = tmp_path / name
    if name == "folder":
        file.mkdir()
    elif content is not None:
        file.write_bytes(content)
    text = said(file, {})
    assert text.startswith(f"{file}:")
    assert part in text
    assert "\n" not in text


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_without_permission_is_one_clear_line(tmp_path: Path) -> None:
    file = written(tmp_path, "mode: observe\n")
    file.chmod(0)
    assert said(file, {}) == f"{file}: can't be read: Permission denied"


def test_a_byte_order_mark_and_windows_line_ends_do_not_matter(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_bytes(b"\xef\xbb\xbfmode: notify\r\nlog_level: debug\r\n")
    assert load_config(file, {}).mode is Mode.NOTIFY


# --- the rest ------------------------------------------------------------------------------------


def test_the_hash_follows_what_decides_and_nothing_else() -> None:
    base = load_config(FULL, {}).hash
    same = {"KEYSTEWARD_HTTP__LISTEN": "127.0.0.1:1", TOKEN: "xoxb-1", "KEYSTEWARD_LOG_LEVEL": "debug"}
    assert load_config(FULL, same).hash == base
    assert load_config(FULL, {"KEYSTEWARD_ACCOUNTS__STATIC__0__EXTERNAL_ID": "other"}).hash == base
    assert load_config(FULL, {"KEYSTEWARD_MODE": "enforce"}).hash != base
    assert load_config(FULL, {"KEYSTEWARD_GUARDS__NOTICES_PER_RUN": "1"}).hash != base


def test_the_json_schema_accepts_what_loads_and_refuses_typos() -> None:
    schema = json_schema()
    Draft202012Validator.check_schema(schema)
    json.dumps(schema)
    validator = Draft202012Validator(schema)
    value: dict[str, Any] = dict(read_yaml(FULL.read_text()).value)
    assert list(validator.iter_errors(value)) == []
    assert validator.is_valid({**value, "sinks": {"s": {"type": "slack", "token": {"secretsmanager": "x"}}}})
    assert validator.is_valid({**value, "ledger": {"secretsmanager": "x"}})
    headers = {"Authorization": {"secretsmanager": "x"}, "X-Team": "iam"}
    assert validator.is_valid({**value, "sinks": {"s": {"type": "webhook", "headers": headers}}})
    assert not validator.is_valid({**value, "sinks": {"s": {"type": "webhook", "headers": {"X-Team": 1}}}})
    for password in ("much-too-secret", {"secretsmanager": "x"}):
        login = {"user": "ann", "password": password}
        assert validator.is_valid({**value, "http": {"auth": {"basic": [login]}}})
    assert not validator.is_valid({**value, "http": {"auth": {"basic": [{"user": "ann", "passwrd": "x"}]}}})
    assert not validator.is_valid({**value, "modes": "x"})
    assert not validator.is_valid({**value, "sinks": {"slack": {"type": "slack", "tokn": "x"}}})


WORD_LIST = (
    "mode rules name stages when age 75d any sinks slack type accounts static id owners guards freeze exempt "
    "match tags << *a ledger schedule cron é"
)
WORDS = st.sampled_from(WORD_LIST.split())
TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WORDS | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=5),
    max_leaves=30,
)
NAME_LIST = (
    "MODE RULES RULES__0__NAME SINKS SINKS__A SINKS__A__TYPE HTTP HTTP__LISTEN__X OWNERS__0 OWNERS__X __ _ "
    "MODE__ GUARDS__BRAKE ACCOUNTS__STATIC__0__ID LEDGER__A"
)
NAMES = st.sampled_from(NAME_LIST.split()).map("KEYSTEWARD_".__add__)
VALUES = st.sampled_from(
    ["x", "[]", "{}", "[1]", "{a: b}", "[", "{", "1", "{type: slack}", "{a: {a: {a: 1}}}"]
)
anything = settings(
    max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)


@given(tree=st.dictionaries(WORDS, TREES, max_size=6))
@anything
def test_a_random_tree_loads_or_is_refused_with_lines(tree: object, tmp_path: Path) -> None:
    file = written(tmp_path, json.dumps(tree))
    lines = refusal(file, {})
    assert lines is None or (lines and all(line.startswith(f"{file}:") for line in lines))


@given(content=st.binary(max_size=200))
@anything
def test_random_bytes_are_refused_with_lines(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_bytes(content)
    lines = refusal(file, {})
    assert lines is None or (lines and all(line.startswith(f"{file}:") for line in lines))


@given(env=st.dictionaries(NAMES, VALUES))
@anything
def test_random_variables_load_or_are_refused(env: dict[str, str]) -> None:
    lines = refusal(None, env)
    assert lines is None or (lines and all("KEYSTEWARD_" in line for line in lines))


def test_a_token_for_a_sink_that_nobody_configured_is_no_obstacle(tmp_path: Path) -> None:
    assert set(load_config(None, {TOKEN: "x"}).sinks) == {"console"}
    assert set(load_config(written(tmp_path, "mode: observe\n"), {TOKEN: "x"}).sinks) == {"console"}


def test_a_sink_of_the_file_without_a_type_is_an_error_all_the_same(tmp_path: Path) -> None:
    file = written(tmp_path, "sinks: {slack: {channel: '#x'}}\n")
    assert "sinks.slack.type: is missing" in said(file, {TOKEN: "x"})


@pytest.mark.parametrize(
    ("schedule", "spread"),
    [("{}", 600), ("{every: 5m}", 50), ("{every: 5m, jitter: 1m}", 60), ("{every: 1h, jitter: 30m}", 1800)],
)
def test_the_default_jitter_gives_way_to_a_short_cycle(tmp_path: Path, schedule: str, spread: int) -> None:
    config = load_config(written(tmp_path, f"schedule: {schedule}\n"), {})
    assert config.schedule.spread.total_seconds() == spread
