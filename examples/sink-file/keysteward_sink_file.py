"""A sink that appends each message to a file, one JSON object a line."""

import json
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from app.errors import Transient
from app.sinks.base import TellingSink
from app.sinks.interface import Message, Receipt
from app.sinks.registry import SinkType
from app.sinks.tools import Tools


class FileSettings(BaseModel):
    """The options, checked like every other part of the config."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: Literal["file"] = Field(description="The kind of sink.")
    path: Path = Field(description="The file to append to.")


class FileSink(TellingSink):
    """Delivered means: the line is in the file. Nobody is told by that, so it never counts."""

    def __init__(self, name: str, settings: FileSettings, tools: Tools) -> None:
        self.name = name
        self._path = settings.path
        self._texts = tools.texts

    def send(self, message: Message) -> Receipt:
        findings = {notice.finding_id: self._texts.headline(notice) for notice in message.notices}
        line = {
            "id": message.id,
            "at": message.now.isoformat(),
            "for": message.recipient,
            "findings": findings,
        }
        try:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
        except OSError as error:
            raise Transient(f"file: {error.strerror}; check sinks.{self.name}.path") from None
        return Receipt(self.name, counts=False)


SINK = SinkType(FileSettings, FileSink)
