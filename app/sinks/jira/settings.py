"""The options of a Jira sink."""

from collections.abc import Iterator
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from app.sinks.interface import Grouping

SCOPED_HOST = "api.atlassian.com"
# What the sink sets itself, and the option that governs it.
_OWN_FIELDS = {
    "project": "use the option project",
    "issuetype": "use the option issue_type",
    "labels": "use the option labels",
    "summary": "use the template jira_summary.j2",
    "description": "use the template jira_description.j2",
    "assignee": "it is the owner, or fallback_assignee",
    "duedate": "it is the day of the next act",
    "priority": "use the option priority",
}


class JiraSettings(BaseModel):
    """A Jira site, Cloud or Data Center."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    type: Literal["jira"] = Field(description="The kind of sink.")
    server: str = Field(description="Where the REST API answers: the site's base URL, but see docs/jira.md.")
    site_url: str | None = Field(
        default=None, description="The site's URL for links to tickets, where it isn't that of server."
    )
    project: str = Field(description='The key of the project that tickets are opened in: "SEC".')
    issue_type: str = Field(default="Task", description="The type of the tickets.")
    group_by: Grouping = Field(
        default="finding", description="What a ticket is about: one finding, an owner, or an account."
    )
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
        default="auto",
        description="What kind of Jira it is; auto knows Atlassian's hosts and asks others once.",
    )
    fallback_assignee: str | None = Field(
        default=None,
        description="Who gets a ticket whose owner Jira doesn't know: an e-mail address or an account id.",
    )
    labels: tuple[str, ...] = Field(default=(), description="Labels to add to every ticket.")
    priority: dict[str, str] = Field(
        default={}, description="A priority by stage, from mild to severe: {warn: Medium, final: High}."
    )
    fields: dict[str, Any] = Field(
        default={},
        description="More fields for new tickets, by id; text in them is a template (docs/jira.md).",
    )
    when_closed: Literal["reopen", "comment"] = Field(
        default="reopen",
        description="What to do with a ticket that was closed while its key is still bad.",
    )
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

    @property
    def is_atlassians_host(self) -> bool:
        host = urlsplit(self.server).hostname or ""
        return host == SCOPED_HOST or host.endswith(".atlassian.net")

    def browse(self, key: str) -> str:
        """The ticket's page."""
        return f"{(self.site_url or self.server).rstrip('/')}/browse/{key}"

    @field_validator("labels")
    @classmethod
    def _labels_are_words(cls, labels: tuple[str, ...]) -> tuple[str, ...]:
        for label in labels:
            if not label or any(char.isspace() for char in label):
                raise ValueError(f"{label!r}: a label of Jira's holds no spaces")
        return labels

    @field_validator("fields")
    @classmethod
    def _fields_are_not_ours(cls, fields: dict[str, Any]) -> dict[str, Any]:
        for name, value in fields.items():
            if name.casefold() in _OWN_FIELDS:
                raise ValueError(f'"{name}" can\'t be set here: {_OWN_FIELDS[name.casefold()]}')
            for fault in filter(None, map(_syntax_fault, _texts(value))):
                raise ValueError(f"{name}: not a template: {fault}")
        return fields

    @model_validator(mode="after")
    def _links_lead_somewhere(self) -> Self:
        if urlsplit(self.server).hostname == SCOPED_HOST and not self.site_url:
            raise ValueError(f"site_url: needed for links when server is {SCOPED_HOST}")
        return self


def _syntax_fault(template: str) -> str:
    from app.sinks.texts import syntax_fault

    return syntax_fault(template)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
    elif isinstance(value, str):
        yield value
