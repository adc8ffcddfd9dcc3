"""docs/webhooks.md: its tables, example and snippets, held against the code."""

import json
import re
import shutil
import subprocess
import time
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from app.model import Caller
from app.plan.summary import RunSummary, SummaryRow
from app.sinks.posts import Post, envelope
from app.sinks.sns.settings import SnsSettings
from app.sinks.texts import Texts
from app.sinks.webhook.settings import WebhookSettings, signing_key
from app.sinks.webhook.sink import sign
from tests.fakes.notices import NOW, a_message, a_notice

PAGE = (Path(__file__).parents[3] / "docs/webhooks.md").read_text()
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY = '{"tail": "…WXYZ"}'.encode()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def signed(at: float, secret: str = SECRET) -> dict[str, str]:
    sent = str(int(at))
    signature = sign(signing_key(secret), "msg-1", sent, BODY)
    return {
        "webhook-id": "msg-1",
        "webhook-timestamp": sent,
        "webhook-signature": f"v1,other {signature}",
    }


def test_the_example_is_what_is_sent() -> None:
    notice = a_notice(ticket="https://example.atlassian.net/browse/SEC-1")
    example = json.loads(blocks("json")[0])
    assert example == envelope(Post("notice", a_message(notice, id=example["id"])), Texts())


def test_every_key_is_described() -> None:
    row = SummaryRow("held", "KS-1", "1", "prod", "x", "…WXYZ", "why")
    run = RunSummary(NOW, "1.0", "notify", "success", rows=(row,))
    post = envelope(Post("notice", a_message(a_notice())), Texts())
    keys = {*post, *post["notices"][0], *run.to_json(), *run.to_json()["rows"][0]}
    keys |= {field.name for field in fields(Caller)}
    assert [key for key in keys if f"`{key}`" not in PAGE] == []


def test_every_option_is_described() -> None:
    options = {*WebhookSettings.model_fields, *SnsSettings.model_fields} - {"type", "region"}
    assert [option for option in options if not re.search(rf"\b{option}\b", PAGE)] == []


@pytest.mark.parametrize("secret", [SECRET, "plain words"])
def test_the_python_snippet_tells_genuine_from_forged_and_stale(secret: str) -> None:
    names: dict[str, Any] = {}
    exec(blocks("python")[0], names)
    is_genuine, now = names["is_genuine"], time.time()
    assert is_genuine(secret, signed(now, secret), BODY)
    assert not is_genuine(secret, signed(now, "another"), BODY)
    assert not is_genuine(secret, signed(now, secret), BODY + b" ")
    assert not is_genuine(secret, signed(now - 3600, secret), BODY)


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node")
def test_the_node_snippet_tells_genuine_from_forged_and_stale() -> None:
    now = time.time()
    tries = [(signed(now), BODY), (signed(now), BODY + b" "), (signed(now - 3600), BODY)]
    calls = [
        f"isGenuine({json.dumps(SECRET)}, {json.dumps(headers)}, Buffer.from({json.dumps(body.decode())}))"
        for headers, body in tries
    ]
    code = f"{blocks('js')[0]}\nconsole.log([{', '.join(calls)}].join())"
    done = subprocess.run(["node", "-e", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "true,false,false"


def test_the_lambda_reads_what_sns_hands_over(capsys: pytest.CaptureFixture[str]) -> None:
    names: dict[str, Any] = {}
    exec(blocks("python")[1], names)
    told = json.dumps(envelope(Post("notice", a_message()), Texts()))
    names["handler"]({"Records": [{"Sns": {"Message": told}}]}, None)
    assert capsys.readouterr().out.startswith("notice KS-ABCDEFGHIJ Rotate key")
