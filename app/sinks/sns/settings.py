"""The options of an SNS sink."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from app.sinks.shapes import Topic


class SnsSettings(BaseModel):
    """An SNS topic, standard or FIFO (docs/webhooks.md)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: Literal["sns"] = Field(description="The kind of sink.")
    topic_arn: Topic = Field(description="The topic, standard or FIFO.")
    region: str | None = Field(default=None, description="Its AWS region; without it the one in the ARN.")
    runs: bool = Field(default=False, description="true: what each run did is published too.")
    timeout: float = Field(default=10, gt=0, le=60, description="Seconds to wait for an answer.")

    @property
    def in_region(self) -> str:
        return self.region or self.topic_arn.split(":")[3]
