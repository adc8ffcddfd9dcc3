"""The `accounts` section: an organization, a static list, or both (the static one wins by id)."""

from typing import Self

from pydantic import Field, model_validator

from app.config.types import AccountId, ExternalId, OuId, RoleArn, RoleName, Section, role_account
from app.model import Account, Mode, RoleRef


class OrganizationSettings(Section):
    """Every ACTIVE account of the organization."""

    role_name: RoleName = Field(
        "keysteward-spoke", description="the role that reads, in every account", examples=["keysteward-spoke"]
    )
    actor_role_name: RoleName | None = Field(
        None, description="writes: assumed only in enforce, only for the act", examples=["keysteward-actor"]
    )
    external_id: ExternalId | None = Field(
        None, description="asked for by both roles", examples=["a-long-random-id"]
    )
    include_ous: tuple[OuId, ...] = Field(
        (), description="only accounts below these OUs", examples=[["ou-ab12-11111111"]]
    )
    exclude_ous: tuple[OuId, ...] = Field(
        (), description="never accounts below these", examples=[["ou-ab12-22222222"]]
    )
    exclude_accounts: tuple[AccountId, ...] = Field(
        (), description="never these accounts", examples=[["999988887777"]]
    )


class StaticAccount(Section):
    """One account by hand. Without a role it is read with the service's own credentials."""

    id: AccountId = Field(description="12 digits", examples=["111122223333"])
    name: str = Field("", description="shown instead of the id", examples=["prod"])
    role_arn: RoleArn | None = Field(
        None,
        description="the role that reads",
        examples=["arn:aws:iam::111122223333:role/keysteward-spoke"],
    )
    actor_role_arn: RoleArn | None = Field(
        None,
        description="writes: assumed only in enforce, only for the act",
        examples=["arn:aws:iam::111122223333:role/keysteward-actor"],
    )
    external_id: ExternalId | None = Field(
        None, description="asked for by both roles", examples=["a-long-random-id"]
    )
    mode: Mode | None = Field(None, description="can only lower the service's mode", examples=["notify"])

    @model_validator(mode="after")
    def _same_account(self) -> Self:
        for name in ("role_arn", "actor_role_arn"):
            arn = getattr(self, name)
            if arn is not None and role_account(arn) != self.id:
                raise ValueError(f"{name} is a role of account {role_account(arn)}, not of {self.id}")
        return self

    def domain(self) -> Account:
        return Account(
            id=self.id,
            name=self.name,
            partition=self.role_arn.split(":")[1] if self.role_arn else "aws",
            mode=self.mode,
            reader=RoleRef(self.role_arn, self.external_id) if self.role_arn else None,
            actor=RoleRef(self.actor_role_arn, self.external_id) if self.actor_role_arn else None,
        )


class AccountsSettings(Section):
    """Which accounts are watched. With neither, the account of the current AWS credentials."""

    organization: OrganizationSettings | None = Field(
        None, description="every ACTIVE account of the organization"
    )
    static: tuple[StaticAccount, ...] = Field(
        (), description="accounts by hand; one that is also in the organization is taken from here"
    )
