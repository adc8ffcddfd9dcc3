"""The options of a Jira sink."""

from typing import Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, SecretStr


class JiraSettings(BaseModel):
    """A Jira site, Cloud or Data Center."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    type: Literal["jira"] = Field(description="The kind of sink.")
    server: str = Field(description="The site's base URL: https://example.atlassian.net.")
    project: str = Field(description='The key of the project that tickets are opened in: "SEC".')
    issue_type: str = Field(default="Task", description="The type of the tickets.")
    email: str | None = Field(
        default=None,
        validation_alias=AliasChoices("email", "user"),
        description="Whose API token it is (Cloud). Without it the token is sent as a Bearer token.",
    )
    token: SecretStr | None = Field(
        default=None,
        description="An API token (Cloud) or a personal access token (Data Center); best given by the "
        "environment.",
    )
    deployment: Literal["auto", "cloud", "server"] = Field(
        default="auto", description="What kind of Jira it is; auto asks the server once."
    )
    fallback_assignee: str | None = Field(
        default=None,
        description="Who gets a ticket whose owner Jira doesn't know: an e-mail address or an account id.",
    )
    labels: tuple[str, ...] = Field(default=(), description="Labels to add to every ticket.")
    done_transition: str = Field(
        default="Done", description="The transition that closes a ticket, by its name or its target status."
    )
    reopen_transition: str = Field(
        default="To Do", description="The transition that reopens a ticket, by its name or its target status."
    )
    timeout: float = Field(default=10, gt=0, le=60, description="Seconds to wait for an answer.")
    counts: bool = Field(
        default=True, description="Whether an assigned ticket counts as a notice to its owner."
    )
