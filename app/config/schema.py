"""The whole config file as models: every option, its default and its meaning are here, once.

`load.py` reads files, the environment and secrets into them; `example.py` and the JSON Schema are
generated from them.
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, InstanceOf, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from app.config.accounts import AccountsSettings
from app.config.audit import AuditSettings
from app.config.http import HttpSettings
from app.config.owners import OwnerSettings
from app.config.policy import GuardSettings, RuleSettings
from app.config.types import Duration, Email, Flag, Folder, Section, Zone
from app.ledger.dynamodb.address import Address
from app.model import SHOWN_CHARACTERS, Mode
from app.plan.limits import Limits
from app.policy.rules import Policy
from app.sinks import registry

RESERVED_SINKS = frozenset({"deactivation", "prometheus"})  # the service's own: not in `sinks`
A_LEAP_DAY = datetime(2024, 2, 29, tzinfo=UTC)
SHORTEST_LEASE = timedelta(seconds=20)
DEFAULT_SINKS: Mapping[str, Any] = {"console": {"type": "console"}}


def default_rules(sinks: list[str]) -> list[dict[str, Any]]:
    """The policy when none is written: CIS 1.12 (unused 45 days) and 1.14 (rotated within 90)."""
    return [
        {
            "name": "default",
            "match": {},
            "stages": [
                {"name": "warn", "when": {"age": "75d"}, "notify": sinks, "repeat": "7d"},
                {"name": "ticket", "when": {"age": "80d"}, "notify": sinks},
                {"name": "final", "when": {"age": "87d"}, "notify": sinks, "repeat": "1d"},
                {
                    "name": "deactivate",
                    "when": {"any": [{"age": "90d"}, {"unused": "45d"}]},
                    "do": "deactivate",
                    "notify": sinks,
                    "require": {"notices": 2, "over": "7d"},
                },
                {"name": "delete", "when": {"inactive": "30d"}, "do": "delete", "notify": sinks},
            ],
        }
    ]


class ScheduleSettings(Section):
    """When the accounts are scanned: `every` or `cron`."""

    every: Duration = Field(timedelta(hours=6), description="a cycle this often")
    jitter: Duration | None = Field(timedelta(minutes=10), description="moved at random by up to this")
    cron: str | None = Field(
        None, description="instead of every: minute hour day month weekday", examples=["0 */6 * * *"]
    )
    timezone: Zone = Field("UTC", description="the IANA zone that cron is read in")

    @model_validator(mode="after")
    def _one(self) -> Self:
        if self.cron is not None and "every" in self.model_fields_set:
            raise ValueError("give either every or cron, not both")
        written = self.jitter if "jitter" in self.model_fields_set else None
        if self.cron is None and written is not None and written >= self.every:
            raise ValueError("jitter must be shorter than every")
        return self

    @property
    def spread(self) -> timedelta:
        """The jitter in force: the default one gives way to a short cycle."""
        given = self.jitter or timedelta(0)
        return given if "jitter" in self.model_fields_set else min(given, self.every / 6)

    @field_validator("cron")
    @classmethod
    def _cron(cls, cron: str | None) -> str | None:
        if cron is not None:
            from apscheduler.triggers.cron import CronTrigger

            try:
                trigger = CronTrigger.from_crontab(cron, timezone="UTC")
            except (ValueError, KeyError, TypeError):
                raise ValueError('should be five cron fields, such as "0 */6 * * *"') from None
            if trigger.get_next_fire_time(None, A_LEAP_DAY) is None:
                raise ValueError("never comes true: no such day is in the calendar")
        return cron


class ScanSettings(Section):
    """What scanning may ask of AWS in all; each account's own pace is learnt from its throttling."""

    concurrency: int = Field(64, ge=1, le=256, description="calls under way at once, 1 to 256")
    requests_per_second: float | None = Field(
        None, ge=0.1, allow_inf_nan=False, description="a ceiling; without: none", examples=[200]
    )

    @field_validator("concurrency", "requests_per_second", mode="before")
    @classmethod
    def _number(cls, value: object) -> object:
        if isinstance(value, bool):  # would be read as 1 or 0
            raise ValueError("should be a number")
        return value


class MetricsSettings(Section):
    """What Prometheus gets beyond the counts."""

    user_label: Flag = Field(False, description="true: the IAM user's name as a label of per-key series")


class EvidenceSettings(Section):
    """What notices tell beyond the key itself."""

    callers: Flag = Field(
        False,
        description="true: who uses the key, by cloudtrail:LookupEvents (2 requests a second and account)",
    )


class ButtonSettings(Section):
    """What people may do by the buttons of a message (Slack: they need an app token)."""

    admins: tuple[Email, ...] = Field(
        (), description="may press for every owner", examples=[["oncall@example.com"]]
    )
    restore_within: Duration = Field(
        timedelta(days=7), description="how long after a deactivation its owner can take it back"
    )


class Config(BaseSettings):
    """Keysteward's config file."""

    model_config = SettingsConfigDict(
        extra="forbid",
        frozen=True,
        case_sensitive=True,  # or `Rules:` would be taken for rules here, and passed over elsewhere
        hide_input_in_errors=True,
        env_prefix="KEYSTEWARD_",
        env_nested_delimiter="__",
        coerce_numbers_to_str=True,
    )

    mode: Mode = Field(
        Mode.OBSERVE,
        description="observe: touch nothing; notify: tell people too; enforce: deactivate and delete too",
    )
    accounts: AccountsSettings = Field(
        AccountsSettings(), description="which accounts; with none given, that of the current AWS credentials"
    )
    schedule: ScheduleSettings = Field(ScheduleSettings(), description="when the accounts are scanned")
    scan: ScanSettings = Field(ScanSettings(), description="how much is asked of AWS at once, acts aside")
    owners: tuple[OwnerSettings, ...] = Field(
        (OwnerSettings(tag="owner"),),
        description="who answers for a key: tried in order",
        examples=[
            [
                {"tag": "owner"},
                {"key_description": True},
                {"user_name": "{user}@example.com", "match": "*.*"},
                {"map": {"ci-deploy": "platform@example.com"}},
                {"csv": "/etc/keysteward/owners.csv"},
                {"account_tag": "owner"},
                {"account_contact": "security"},
                {"fallback": "security@example.com"},
            ]
        ],
    )
    rules: tuple[RuleSettings, ...] = Field(
        description="the first match wins; without rules: CIS (90 days of age, 45 days unused) on every sink",
    )
    evidence: EvidenceSettings = Field(
        EvidenceSettings(), description="what notices tell beyond the key itself"
    )
    buttons: ButtonSettings = Field(ButtonSettings(), description="what people may do by a message's buttons")
    guards: GuardSettings = Field(GuardSettings(), description="ceilings on a finished plan")
    sinks: dict[str, InstanceOf[BaseModel]] = Field(description="where messages go, by a name of your own")
    templates: Folder | None = Field(
        None,
        description="a folder with message templates of your own (docs/templates.md); a relative one starts "
        "at this file's",
        examples=["/etc/keysteward/templates"],
    )
    shown_characters: int = Field(
        SHOWN_CHARACTERS,
        ge=0,
        le=SHOWN_CHARACTERS,
        description="how much of the end of a key's id messages, tickets and reports show: 0 to 4 characters",
    )
    ledger: SecretStr = Field(
        SecretStr("sqlite:///var/lib/keysteward/ledger.db"),
        description="the durable memory: sqlite:///PATH (from the root; sqlite:///./PATH from here), "
        "postgresql://USER@HOST/DB or dynamodb://TABLE?region=REGION",
    )
    audit: AuditSettings = Field(AuditSettings(), description="where else the audit trail is kept")
    lease: Duration = Field(
        timedelta(seconds=30),
        description="on PostgreSQL and DynamoDB, how long a replica that fell silent keeps the right to act; "
        "at least 20s, the same on every replica",
    )
    http: HttpSettings = Field(HttpSettings(), description="metrics, health, the status page")
    metrics: MetricsSettings = Field(MetricsSettings(), description="what Prometheus gets beyond the counts")
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="how much is logged")

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what `load.py` passes in: it merges the layers itself, to know where each value came from."""
        return (init_settings,)

    @field_validator("rules")
    @classmethod
    def _some(cls, rules: tuple[RuleSettings, ...]) -> tuple[RuleSettings, ...]:
        if not rules:  # an empty list would silently watch nothing; leave `rules` out for the default
            raise ValueError("should not be empty")
        return rules

    @field_validator("ledger")
    @classmethod
    def _ledger(cls, ledger: SecretStr) -> SecretStr:
        check_ledger(ledger.get_secret_value())
        return ledger

    @field_validator("lease")
    @classmethod
    def _lease(cls, lease: timedelta) -> timedelta:
        """It is renewed three times a term, and an act wants ten seconds of it left."""
        if lease < SHORTEST_LEASE:
            raise ValueError("should be at least 20s")
        return lease

    @property
    def ledger_url(self) -> str:
        """May hold a password: never show it."""
        return self.ledger.get_secret_value()

    def policy(self) -> Policy:
        rules = tuple(rule.domain() for rule in self.rules)
        return Policy(rules, tuple(owner.domain() for owner in self.owners), self.mode)

    def limits(self) -> Limits:
        return self.guards.domain()

    @property
    def hash(self) -> str:
        """SHA-256 over what decides: mode, accounts, owners, rules, guards. No secret is in it."""
        external_ids: Any = {"organization": {"external_id"}, "static": {"__all__": {"external_id"}}}
        facts = self.model_dump(
            mode="json",
            include={"mode", "accounts", "owners", "rules", "guards"},
            exclude={"accounts": external_ids},
        )
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def check_ledger(url: str) -> None:
    """Raises ValueError, without the URL (it may hold a password), when no ledger has this URL."""
    if url.startswith("secretsmanager:"):
        return  # not resolved yet
    if not url.isprintable():
        raise ValueError("has a control character in it")
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ValueError("is not a valid URL") from None
    if parts.scheme not in ("sqlite", "postgresql", "dynamodb"):
        raise ValueError("should begin with sqlite:///, postgresql:// or dynamodb://")
    if parts.scheme == "sqlite" and (not url.startswith("sqlite:///") or not parts.path.strip("/")):
        raise ValueError("should be sqlite:///PATH, such as sqlite:///var/lib/keysteward/ledger.db")
    if parts.scheme != "sqlite" and not parts.netloc:
        raise ValueError("should name a host (postgresql://HOST/DB) or a table (dynamodb://TABLE)")
    if parts.scheme == "dynamodb":
        Address.parse(url)


def json_schema() -> dict[str, Any]:
    """The JSON Schema (2020-12) of the whole config file, for editors, with every installed type of sink.

    Raises `ConfigError` when one of them can't be loaded.
    """
    schema = Config.model_json_schema()
    sinks = [registry.sink_type(kind).settings.model_json_schema() for kind in registry.names()]
    schema["properties"]["sinks"] |= {"additionalProperties": {"oneOf": sinks}}
    schema.pop("required", None)
    logins = schema["$defs"]["LoginSettings"]
    for properties in (part["properties"] for part in (schema, logins, *sinks)):
        properties |= {name: _or_reference(option) for name, option in properties.items()}
        for option in properties.values():
            if isinstance(option.get("additionalProperties"), dict):
                option["additionalProperties"] = _or_reference(option["additionalProperties"])
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _or_reference(option: dict[str, Any]) -> dict[str, Any]:
    """A secret may also be a reference to AWS Secrets Manager."""
    kinds = option.get("anyOf", [{"format": option.get("format")}])
    if not any(kind.get("format") == "password" for kind in kinds):
        return option
    said = {key: option[key] for key in ("title", "description", "default") if key in option}
    reference = {
        "type": "object",
        "properties": {"secretsmanager": {"type": "string"}},
        "required": ["secretsmanager"],
        "additionalProperties": False,
    }
    return said | {"anyOf": [{"type": "string"}, {"type": "null"}, reference]}
