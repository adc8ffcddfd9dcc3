"""The options of a console sink."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class ConsoleSettings(BaseModel):
    """Shows each message on the terminal as its reader would see it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: Literal["console"] = Field(description="The kind of sink.")
    look: Literal["slack", "jira"] = Field(
        default="slack", description="Whose looks to take: Slack's messages or Jira's tickets."
    )
    counts: bool = Field(
        default=False, description="Whether a message on the terminal counts as a notice to its owner."
    )
