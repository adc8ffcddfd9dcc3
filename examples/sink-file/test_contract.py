"""The contract that every sink is held to."""

from pathlib import Path

import pytest
from keysteward_sink_file import SINK, FileSettings

from app.sinks.contract import Bench, SinkContract
from app.sinks.tools import Tools


class TestFileSink(SinkContract):
    faults = ("it is a folder",)

    @pytest.fixture
    def bench(self, tmp_path: Path) -> Bench:
        path = tmp_path / "messages.jsonl"

        def lines() -> str:
            return path.read_text() if path.is_file() else ""

        return Bench(
            SINK.build("here", FileSettings(type="file", path=path), Tools()),
            arrived=lambda: lines().count("\n"),
            faults={"it is a folder": path.mkdir},
            mend=path.rmdir,
            texts=lines,
            reached="here",
            counts=False,
        )
