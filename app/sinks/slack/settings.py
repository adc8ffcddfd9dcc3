"""The options of a Slack sink."""

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from app.plan.summary import RunSummary
from app.sinks.shapes import Channel


class SlackSettings(BaseModel):
    """A Slack workspace: through an app's bot token (direct messages), or an incoming webhook (one channel).

    The bot token needs chat:write, users:read and users:read.email.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: Literal["slack"] = Field(description="The kind of sink.")
    channel: Channel | None = Field(
        default=None,
        description='Where to post for owners that can\'t be reached: "#iam-keys", or a channel id.',
    )
    token: SecretStr | None = Field(
        default=None, description="The bot token (xoxb-…); best given by the environment."
    )
    app_token: SecretStr | None = Field(
        default=None, description="The app-level token (xapp-…); with it messages have buttons."
    )
    webhook_url: SecretStr | None = Field(
        default=None, description="An incoming webhook's URL, in place of a token: all goes to its channel."
    )
    summary_channel: Channel | None = Field(
        default=None, description='Where the team reads what each run did: "#team".'
    )
    summaries: Literal["changes", "always", "never"] = Field(
        default="changes", description="Which runs the team is told of: those that did something new, or all."
    )
    username: str | None = Field(
        default=None, description="The name to post under (needs the scope chat:write.customize)."
    )
    icon_emoji: str | None = Field(
        default=None, description='The icon to post under, like ":key:" (needs chat:write.customize).'
    )
    base_url: str = Field(default="https://slack.com/api/", description="Where the Web API answers.")
    timeout: float = Field(default=10, gt=0, le=60, description="Seconds to wait for an answer.")
    counts: bool | None = Field(
        default=None,
        description="Whether a delivered message counts as a notice to its owner (with a token yes, "
        "with a webhook no, unless said here).",
    )

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.webhook_url and self.token:
            raise ValueError(
                "token and webhook_url are both set: remove webhook_url to write to each owner, "
                "or token to post everything to the webhook's channel"
            )
        if self.webhook_url and self.summary_channel:
            raise ValueError(
                "summary_channel needs a token, a webhook can't choose a channel: remove summary_channel"
            )
        return self

    def wants(self, summary: RunSummary) -> bool:
        """Whether the team is told of this run."""
        return self.summaries == "always" or (self.summaries == "changes" and summary.news)
