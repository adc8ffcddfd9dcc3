"""`keysteward iam-policy hub`: what the sinks call of AWS themselves is in it, and only then."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from app.cli.main import cli

SES = {"ses:GetSuppressedDestination", "ses:SendRawEmail"}


@pytest.mark.parametrize(
    ("mode", "transport", "granted"),
    [("notify", "ses", SES), ("notify", "smtp", set()), ("observe", "ses", set())],
)
def test_the_hub_may_send_mail_where_it_does(
    tmp_path: Path, mode: str, transport: str, granted: set[str]
) -> None:
    config = tmp_path / "config.yaml"
    mail = f"{{type: email, from: keys@example.com, transport: {transport}}}"
    config.write_text(f"mode: {mode}\nsinks:\n  mail: {mail}\n")
    printed = CliRunner().invoke(cli, ["iam-policy", "hub", "--config", str(config)])
    statements = json.loads(printed.stdout)["Statement"]
    actions = {action for one in statements for action in one["Action"]}
    assert {action for action in actions if action.startswith("ses:")} == granted
