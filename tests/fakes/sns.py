"""Publish of Amazon SNS (the query protocol), with faults to order."""

import json
from typing import Any

import boto3
from botocore.config import Config

from tests.fakes.http import Answer, Fault, HttpFake, Request, status

_DONE = (
    '<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult>'
    "<MessageId>{}</MessageId></PublishResult><ResponseMetadata><RequestId>r</RequestId></ResponseMetadata>"
    "</PublishResponse>"
)
_ERROR = (
    '<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><Error><Type>Sender</Type>'
    "<Code>{}</Code><Message>{}</Message></Error><RequestId>r</RequestId></ErrorResponse>"
)


def refusal(code: int, name: str, text: str = "") -> Fault:
    """An error in the words of SNS."""
    return status(code, _ERROR.format(name, text))


class FakeSns(HttpFake):
    """``published`` holds the parameters of each Publish that took effect."""

    def __init__(self) -> None:
        super().__init__()
        self.published: list[dict[str, Any]] = []

    def operation(self, request: Request) -> str:
        return str(request.body.get("Action", ""))

    def answer(self, request: Request) -> Answer:
        self.published.append(request.body)
        return Answer(200, _DONE.format(len(self.published)))

    def bodies(self) -> dict[str, dict[str, Any]]:
        """What a subscriber keeps that drops repeats by id."""
        found = (json.loads(parameters["Message"]) for parameters in self.published)
        return {body["id"]: body for body in found}

    def client(self, timeout: float, secret: str = "not-a-secret") -> Any:
        return boto3.client(
            "sns",
            region_name="eu-central-1",
            endpoint_url=self.url,
            aws_access_key_id="AKIAHUBHUBHUBHUBHUBH",
            aws_secret_access_key=secret,
            config=Config(connect_timeout=timeout, read_timeout=timeout, retries={"total_max_attempts": 1}),
        )
