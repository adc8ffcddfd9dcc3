"""The `owners` of the config: who answers for a credential, tried in order."""

import csv
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, PlainSerializer, WithJsonSchema, field_validator, model_validator

from app.config.types import Email, Flag, Glob, Section
from app.policy.owner import is_email
from app.policy.rules import (
    OwnerByAccountContact,
    OwnerByAccountTag,
    OwnerByFile,
    OwnerByKeyDescription,
    OwnerByMap,
    OwnerByTag,
    OwnerByUserName,
    OwnerFallback,
    OwnerRow,
    OwnerSource,
)

COLUMNS = ("user", "account", "owner")
LARGEST_OWNERS_FILE = 10 * 2**20


@dataclass(frozen=True, slots=True)
class OwnersFile:
    """A CSV file as it was read when the config was loaded."""

    path: str
    rows: tuple[OwnerRow, ...]
    digest: str


def _read_owners(value: object) -> OwnersFile:
    """Raises ValueError that names the file and the line."""
    if isinstance(value, OwnersFile):
        return value
    if not isinstance(value, str) or not value:
        raise ValueError("should be the path of a CSV file")
    try:
        with Path(value).open("rb") as stream:
            content = stream.read(LARGEST_OWNERS_FILE + 1)
        text = content.decode("utf-8-sig")
    except OSError as error:
        raise ValueError(f"{value} can't be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{value} is not UTF-8 text") from None
    if len(content) > LARGEST_OWNERS_FILE:
        raise ValueError(f"{value} is larger than 10 MiB")
    return OwnersFile(value, tuple(_rows(value, text)), hashlib.sha256(content).hexdigest())


def _rows(path: str, text: str) -> Iterator[OwnerRow]:
    lines = csv.DictReader(text.splitlines())
    head = [name.strip().lower() for name in lines.fieldnames or ()]
    if "owner" not in head or not set(head) <= set(COLUMNS):
        raise ValueError(f"{path}:1: its first line should be user,account,owner (account may be left out)")
    lines.fieldnames = head
    for row in lines:
        if None in row:
            raise ValueError(f"{path}:{lines.line_num}: has more fields than the first line")
        fields = {name: (row.get(name) or "").strip() for name in COLUMNS}
        if not is_email(fields["owner"]):
            raise ValueError(f"{path}:{lines.line_num}: the owner should be an e-mail address")
        if not fields["user"] and not fields["account"]:
            raise ValueError(f"{path}:{lines.line_num}: names neither a user nor an account")
        yield OwnerRow(fields["user"], fields["account"], fields["owner"])


def _as_said(file: OwnersFile) -> dict[str, str]:
    """The digest makes a changed file a changed config."""
    return {"path": file.path, "sha256": file.digest}


OwnersCsv = Annotated[
    OwnersFile,
    BeforeValidator(_read_owners),
    PlainSerializer(_as_said, when_used="json"),
    WithJsonSchema({"type": "string", "examples": ["/etc/keysteward/owners.csv"]}),
]


class OwnerSettings(Section):
    """One way to find who answers for a credential."""

    tag: str | None = Field(None, min_length=1, description="a user tag that holds an e-mail address")
    key_description: Flag | None = Field(
        None, description="true: the address in the key's description (in the console: a tag named by key id)"
    )
    user_name: str | None = Field(None, description='a template such as "{user}@example.com"')
    match: Glob | None = Field(None, description="with user_name: the names it applies to")
    map: Mapping[Glob, Email] | None = Field(None, description="user names (globs) and their owners")
    csv: OwnersCsv | None = Field(
        None,
        description="a file with the columns user, account, owner (globs; the first line that fits wins)",
    )
    account_tag: str | None = Field(
        None, min_length=1, description="an account tag that holds an e-mail address"
    )
    account_contact: Literal["root", "security", "operations", "billing"] | None = Field(
        None, description="the account's own address, or an alternate contact (account:GetAlternateContact)"
    )
    fallback: Email | None = Field(None, description="who is told when nobody else can be")

    @model_validator(mode="after")
    def _one(self) -> Self:
        kinds = [name for name in type(self).model_fields if name != "match"]
        if sum(getattr(self, name) is not None for name in kinds) != 1:
            raise ValueError(f"give exactly one of {', '.join(kinds)}")
        if self.match is not None and self.user_name is None:
            raise ValueError("match goes with user_name only")
        if self.key_description is False:
            raise ValueError("key_description: leave it out instead of false")
        return self

    @field_validator("user_name")
    @classmethod
    def _template(cls, template: str | None) -> str | None:
        if template is not None and ("{user}" not in template or "@" not in template):
            raise ValueError('should be a template such as "{user}@example.com"')
        return template

    def domain(self) -> OwnerSource:
        return _of_account(self) or _of_user(self) or OwnerFallback(self.fallback or "")


def _of_user(settings: OwnerSettings) -> OwnerSource | None:
    if settings.tag is not None:
        return OwnerByTag(settings.tag)
    if settings.key_description:
        return OwnerByKeyDescription()
    if settings.user_name is not None:
        return OwnerByUserName(settings.user_name, settings.match or "*")
    if settings.map is not None:
        return OwnerByMap(dict(settings.map))
    return OwnerByFile(settings.csv.rows, Path(settings.csv.path).name) if settings.csv else None


def _of_account(settings: OwnerSettings) -> OwnerSource | None:
    if settings.account_tag is not None:
        return OwnerByAccountTag(settings.account_tag)
    if settings.account_contact is not None:
        return OwnerByAccountContact(settings.account_contact)
    return None


def wanted_contacts(sources: tuple[OwnerSource, ...]) -> frozenset[Any]:
    """The alternate contacts that have to be asked for: the root address comes with the list of accounts."""
    named = {s.contact for s in sources if isinstance(s, OwnerByAccountContact)}
    return frozenset(named - {"root"})
