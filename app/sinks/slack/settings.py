"""The options of a Slack sink."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class SlackSettings(BaseModel):
    """A Slack workspace. The bot token needs chat:write, users:read and users:read.email."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: Literal["slack"] = Field(description="The kind of sink.")
    channel: str | None = Field(
        default=None,
        pattern=r"^(#.+|[CGD][A-Z0-9]+)$",
        description='Where to post for owners that can\'t be reached: "#iam-keys", or a channel id.',
    )
    token: SecretStr | None = Field(
        default=None, description="The bot token (xoxb-…); best given by the environment."
    )
    app_token: SecretStr | None = Field(
        default=None, description="The app-level token (xapp-…), for buttons. Kept for a later version."
    )
    webhook_url: SecretStr | None = Field(
        default=None, description="An incoming webhook's URL. Kept for a later version."
    )
    username: str | None = Field(
        default=None, description="The name to post under (needs the scope chat:write.customize)."
    )
    icon_emoji: str | None = Field(
        default=None, description='The icon to post under, like ":key:" (needs chat:write.customize).'
    )
    base_url: str = Field(default="https://slack.com/api/", description="Where the Web API answers.")
    timeout: float = Field(default=10, gt=0, le=60, description="Seconds to wait for an answer.")
    counts: bool = Field(
        default=True, description="Whether a delivered message counts as a notice to its owner."
    )
