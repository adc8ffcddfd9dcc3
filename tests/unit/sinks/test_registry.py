"""The table of sinks: cheap to read, and clear about what is missing."""

import subprocess
import sys
from typing import Any

import pytest
from pydantic import BaseModel

from app.errors import ConfigError
from app.sinks.registry import SINKS
from app.sinks.tools import Tools

MINIMAL: dict[str, dict[str, Any]] = {
    "slack": {"type": "slack"},
    "jira": {"type": "jira", "server": "https://example.atlassian.net", "project": "SEC"},
    "console": {"type": "console"},
    "email": {"type": "email", "from": "keys@example.com"},
    "webhook": {"type": "webhook"},
    "sns": {"type": "sns", "topic_arn": "arn:aws:sns:eu-central-1:111122223333:iam-keys"},
}


def settings(kind: str, **options: Any) -> BaseModel:
    return SINKS[kind].settings.model_validate(MINIMAL[kind] | options)


def test_reading_the_table_imports_no_sdk() -> None:
    heavy = ("slack_sdk", "jira", "boto3", "rich", "requests")
    code = f"import sys, app.sinks.registry; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("kind", SINKS)
def test_every_sink_is_valid_with_the_least_options(kind: str) -> None:
    assert settings(kind).model_dump()["type"] == kind


@pytest.mark.parametrize("kind", SINKS)
def test_an_unknown_option_is_refused(kind: str) -> None:
    with pytest.raises(ValueError, match="tokne"):
        settings(kind, tokne="x")


@pytest.mark.parametrize("kind", SINKS)
def test_every_option_is_described(kind: str) -> None:
    fields = SINKS[kind].settings.model_fields
    assert [name for name, field in fields.items() if not field.description] == []


@pytest.mark.parametrize("kind", ["slack", "jira"])
def test_a_missing_token_is_named_with_its_environment_variable(kind: str) -> None:
    with pytest.raises(ConfigError) as caught:
        SINKS[kind].build("team", settings(kind), Tools())
    variable = "KEYSTEWARD_SINKS__TEAM__TOKEN"
    assert str(caught.value) == f"sinks.team.token: missing: set {variable}"


def test_a_missing_password_is_missed_only_when_somebody_logs_in() -> None:
    SINKS["email"].build("mail", settings("email"), Tools())
    with pytest.raises(ConfigError, match=r"sinks\.mail\.password: missing"):
        SINKS["email"].build("mail", settings("email", username="keys"), Tools())


@pytest.mark.parametrize(
    ("kind", "option"),
    [
        ("slack", "token"),
        ("jira", "token"),
        ("email", "password"),
        ("webhook", "secret"),
        ("webhook", "api_key"),
    ],
)
def test_settings_never_show_their_secrets(kind: str, option: str) -> None:
    assert "canary" not in repr(settings(kind, **{option: "canary"}))


def test_jira_takes_user_for_email() -> None:
    assert settings("jira", user="bot@example.com").model_dump()["email"] == "bot@example.com"
