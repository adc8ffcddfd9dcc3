"""`keysteward iam-policy`: for this very config and mode, without asking AWS for anything."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from app.cli.main import cli

SES = {"ses:GetSuppressedDestination", "ses:SendRawEmail"}
ROLE = "arn:aws:iam::111122223333:role/spoke"


def iam_policy(folder: Path, text: str, role: str = "hub") -> Result:
    config = folder / "config.yaml"
    config.write_text(text)
    return CliRunner().invoke(cli, ["iam-policy", role, "--config", str(config)], catch_exceptions=False)


def actions(result: Result) -> set[str]:
    return {action for one in json.loads(result.stdout)["Statement"] for action in one["Action"]}


@pytest.mark.parametrize(
    ("mode", "transport", "granted"),
    [("notify", "ses", SES), ("notify", "smtp", set()), ("observe", "ses", set())],
)
def test_the_hub_may_send_mail_where_it_does(
    tmp_path: Path, mode: str, transport: str, granted: set[str]
) -> None:
    mail = f"{{type: email, from: keys@example.com, transport: {transport}}}"
    printed = iam_policy(tmp_path, f"mode: {mode}\nsinks:\n  mail: {mail}\n")
    assert {action for action in actions(printed) if action.startswith("ses:")} == granted


@pytest.mark.parametrize("mode", ["observe", "notify", "enforce"])
def test_secrets_are_granted_by_name_and_not_read(
    tmp_path: Path, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("KEYSTEWARD_SINKS__S__APP_TOKEN", "secretsmanager:team/slack#app")
    slack = "{type: slack, channel: '#x', token: 'secretsmanager:team/slack#token'}"
    printed = iam_policy(
        tmp_path, f"mode: {mode}\nsinks: {{s: {slack}}}\nledger: {{secretsmanager: ledger}}\n"
    )
    [statement] = [one for one in json.loads(printed.stdout)["Statement"] if one["Sid"] == "ReadSecrets"]
    arn = "arn:aws:secretsmanager:*:*:secret"
    assert statement["Resource"] == [f"{arn}:ledger-??????", f"{arn}:team/slack-??????"]


@pytest.mark.parametrize(
    ("config", "who"),
    [
        ("mode: enforce\n", "the hub"),
        ("mode: enforce\naccounts: {organization: {}}\n", "the role keysteward-spoke, the hub"),
        (f"mode: enforce\naccounts: {{static: [{{id: '111122223333', role_arn: '{ROLE}'}}]}}\n", ROLE),
        (f"mode: notify\naccounts: {{static: [{{id: '111122223333', role_arn: '{ROLE}'}}]}}\n", ""),
        ("mode: enforce\naccounts: {organization: {actor_role_name: keysteward-actor}}\n", ""),
    ],
)
def test_who_acts_without_being_the_actor_is_told_about(tmp_path: Path, config: str, who: str) -> None:
    said = iam_policy(tmp_path, config, "spoke").stderr
    assert said == (
        f"note: no role is named that acts, so these need the actor's policy too: {who}\n" if who else ""
    )
