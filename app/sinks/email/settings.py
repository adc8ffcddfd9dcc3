"""The options of a mail sink."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, TypeAdapter, ValidationError, model_validator

from app.sinks.shapes import Address


class EmailSettings(BaseModel):
    """Mail over an SMTP server or Amazon SES."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    type: Literal["email"] = Field(description="The kind of sink.")
    from_: Address = Field(alias="from", description="The sender's address.")
    transport: Literal["smtp", "ses"] = Field(default="smtp", description="How mail is sent.")
    host: str = Field(default="localhost", description="The SMTP server.")
    port: int = Field(default=587, gt=0, lt=65536, description="The SMTP server's port.")
    username: str | None = Field(default=None, description="The SMTP user; without it nobody logs in.")
    password: SecretStr | None = Field(
        default=None, description="The SMTP password; best given by the environment."
    )
    tls: Literal["starttls", "implicit", "none"] = Field(
        default="starttls",
        description="How the SMTP connection is encrypted: starttls (port 587), implicit (port 465) or none.",
    )
    region: str | None = Field(
        default=None, description="The AWS region of SES; without it the SDK's own default."
    )
    timeout: float = Field(default=10, gt=0, le=60, description="Seconds to wait for an answer.")
    counts: bool = Field(
        default=True, description="Whether a delivered mail counts as a notice to its owner."
    )
    report_to: tuple[Address, ...] = Field(
        default=(), description="Who gets the run report.", examples=[["admin@example.com"]]
    )
    reports: Literal["changes", "always", "never"] = Field(
        default="changes", description="Which runs are reported: those that bring something new, or all."
    )

    @model_validator(mode="before")
    @classmethod
    def _older_name(cls, given: Any) -> Any:
        """``starttls: false``, of before there was `tls`, still means what it did."""
        if not isinstance(given, dict) or "starttls" not in given:
            return given
        if "tls" in given:
            raise ValueError("give tls only: it takes the place of starttls")
        rest = {name: value for name, value in given.items() if name != "starttls"}
        try:
            encrypts = TypeAdapter(bool).validate_python(given["starttls"])
        except ValidationError:
            raise ValueError("starttls should be true or false; or give tls in its place") from None
        return {**rest, "tls": "starttls" if encrypts else "none"}

    def ses_arns(self, partition: str) -> tuple[str, ...]:
        """What SES asks a permission for when it sends: the verified identity, which is the address or a
        domain above it, and the identity's default configuration set where it has one."""
        arn = f"arn:{partition}:ses:{self.region or '*'}:*"
        labels = self.from_.partition("@")[2].split(".")
        domains = (".".join(labels[at:]) for at in range(max(1, len(labels) - 1)))
        identities = (f"{arn}:identity/{name}" for name in (self.from_, *domains))
        return (*identities, f"{arn}:configuration-set/*")
