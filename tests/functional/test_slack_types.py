"""What a full ladder sends is valid by Slack's own types, and by its published description of the Web API."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from slack_sdk.models.blocks import Block

from tests.fakes.clock import HandClock
from tests.fakes.http import Request
from tests.fakes.slack import FakeSlack
from tests.fakes.slack_ladder import climb
from tests.fakes.world import START

CONTRACTS = "API_CONTRACTS"
# Slack's description is of 2021: these came later (docs.slack.dev/reference/methods).
NEWER = {"chat.postMessage": {"metadata"}}
NEWER |= {f"conversations.{name}": {"include_all_metadata"} for name in ("history", "replies")}


@pytest.fixture(scope="module")
def requests() -> Iterator[list[Request]]:
    with FakeSlack(clock=HandClock(START)) as slack:
        climb(slack)
        yield slack.requests


def posts(requests: list[Request]) -> list[dict[str, Any]]:
    return [request.body for request in requests if request.path == "/api/chat.postMessage"]


def test_slacks_python_models_know_every_block(requests: list[Request]) -> None:
    blocks = [block for body in posts(requests) for block in body["blocks"]]
    assert {block["type"] for block in blocks} == {"header", "section", "context", "divider", "actions"}
    for block in blocks:
        parsed = Block.parse(block)
        assert parsed is not None
        parsed.validate_json()
        assert parsed.to_dict() == block


def test_every_request_is_valid_by_slacks_published_description(requests: list[Request]) -> None:
    if CONTRACTS not in os.environ:
        pytest.skip(f"{CONTRACTS} names no folder with slack-web-api.openapi.json")
    paths = json.loads((Path(os.environ[CONTRACTS]) / "slack-web-api.openapi.json").read_text())["paths"]
    seen = set()
    for request in requests:
        method = request.path.removeprefix("/api/")
        seen.add(method)
        body = {**request.query, **request.body}
        schema = _schema(paths[f"/{method}"])
        Draft202012Validator(schema).validate(body)
        assert set(body) <= set(schema["properties"]) | NEWER.get(method, set()), method
    assert {"chat.postMessage", "users.lookupByEmail", "users.list", "conversations.history"} <= seen


def _schema(path: dict[str, Any]) -> dict[str, Any]:
    found = next(iter(path.values()))["requestBody"]["content"]["application/json"]["schema"]
    return dict(found)


@pytest.mark.slow
def test_slacks_typescript_types_accept_every_message(requests: list[Request], tmp_path: Path) -> None:
    """``tsc`` is stricter than the Python models: it knows every key of every block."""
    _install(tmp_path)
    lines = ['import type { KnownBlock } from "@slack/types";']
    for number, body in enumerate(posts(requests)):
        lines.append(f"export const m{number}: KnownBlock[] = {json.dumps(body['blocks'])};")
    (tmp_path / "messages.ts").write_text("\n".join(lines))
    assert _tsc(tmp_path, "messages.ts") == ""
    wrong = 'export const wrong: KnownBlock[] = [{type: "section", texts: "typo"}];'
    (tmp_path / "wrong.ts").write_text(f"{lines[0]}\n{wrong}\n")
    assert "TS" in _tsc(tmp_path, "wrong.ts")


def _install(folder: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not here")
    command = [npm, "install", "--no-audit", "--no-fund", "@slack/types@2", "typescript@5"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
    if done.returncode:
        pytest.skip("npm can't install @slack/types and typescript")


def _tsc(folder: Path, name: str) -> str:
    tsc = folder / "node_modules" / ".bin" / "tsc"
    command = [str(tsc), "--noEmit", "--strict", "--module", "nodenext", name]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)
    return done.stdout
