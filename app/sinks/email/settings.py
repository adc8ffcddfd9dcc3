"""The options of a mail sink."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class EmailSettings(BaseModel):
    """Mail over an SMTP server or Amazon SES."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    type: Literal["email"] = Field(description="The kind of sink.")
    from_: str = Field(alias="from", pattern=r"^[^@\s]+@[^@\s]+$", description="The sender's address.")
    transport: Literal["smtp", "ses"] = Field(default="smtp", description="How mail is sent.")
    host: str = Field(default="localhost", description="The SMTP server.")
    port: int = Field(default=587, gt=0, lt=65536, description="The SMTP server's port.")
    username: str | None = Field(default=None, description="The SMTP user; without it nobody logs in.")
    password: SecretStr | None = Field(
        default=None, description="The SMTP password; best given by the environment."
    )
    starttls: bool = Field(default=True, description="Encrypt the SMTP connection before anything is said.")
    region: str | None = Field(
        default=None, description="The AWS region of SES; without it the SDK's own default."
    )
    timeout: float = Field(default=10, gt=0, le=60, description="Seconds to wait for an answer.")
    counts: bool = Field(
        default=True, description="Whether a delivered mail counts as a notice to its owner."
    )
