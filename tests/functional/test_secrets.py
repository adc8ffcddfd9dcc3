"""Secrets from AWS Secrets Manager, over a real port."""

from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto.secretsmanager.models import secretsmanager_backends
from moto.server import ThreadedMotoServer

from app.bootstrap import secret_from_aws
from app.config.load import load_config
from app.errors import ConfigError
from app.sinks.slack.settings import SlackSettings
from tests.fakes.aws import point_sdk_at
from tests.fakes.http import Answer, HttpFake, Request


class Refusing(HttpFake):
    said = ""

    def operation(self, request: Request) -> str:
        return request.headers["X-Amz-Target"]

    def answer(self, request: Request) -> Answer:
        return Answer(400, {"__type": "AccessDeniedException", "Message": self.said})


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    point_sdk_at(f"http://{host}:{port}", monkeypatch)
    boto3.client("secretsmanager").create_secret(Name="keysteward", SecretString='{"slack": "xoxb-canary"}')
    yield
    secretsmanager_backends.reset()
    server.stop()


@pytest.mark.usefixtures("secrets")
def test_a_reference_is_read_from_secrets_manager(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("sinks: {slack: {type: slack, token: 'secretsmanager:keysteward#slack'}}\n")
    slack = load_config(path, {}, resolver=secret_from_aws).sinks["slack"]
    assert isinstance(slack, SlackSettings)
    assert slack.token is not None
    assert slack.token.get_secret_value() == "xoxb-canary"


@pytest.mark.usefixtures("secrets")
@pytest.mark.parametrize("reference", ["missing", "keysteward#nothing"])
def test_a_secret_that_cannot_be_read_is_one_clear_line(reference: str) -> None:
    with pytest.raises(ConfigError, match="can't be read") as caught:
        secret_from_aws(reference)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        (
            "User: x is not authorized to perform: secretsmanager:GetSecretValue",
            "secretsmanager:GetSecretValue",
        ),
        ("Access to KMS is not allowed", "kms:Decrypt"),
    ],
)
def test_a_secret_that_is_denied_names_what_to_grant(
    monkeypatch: pytest.MonkeyPatch, said: str, wanted: str
) -> None:
    with Refusing() as fake:
        fake.said = said
        point_sdk_at(fake.url, monkeypatch)
        with pytest.raises(ConfigError, match=f"grant {wanted} to the hub"):
            secret_from_aws("team/slack")
