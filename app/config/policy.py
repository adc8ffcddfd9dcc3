"""The `rules` and `guards` of the config, and their translation into the policy's own words."""

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Self

from pydantic import Field, PositiveInt, field_validator, model_validator

from app.config.types import Duration, Flag, Freeze, Globs, Instant, Section, Share
from app.model import Do, Kind, Mode
from app.plan.limits import Brake, Canary, Limits
from app.policy.rules import (
    Age,
    AllOf,
    AnyOf,
    Exemption,
    Inactive,
    Match,
    Require,
    Rule,
    SnoozeLimit,
    Stage,
    Unused,
    When,
)

RESERVED_STAGES = frozenset({"ok", "exempt", "inactive", "unknown", "resolved"})
MOST_STAGES = 100  # each is compared with every other
_ID_GLOB = re.compile(r"(?=.*[*?\[])(?:[\d*?\[\]]*\d[\d*?\[\]]*|(?:ou|r)-[\w*?\[\]-]*)")
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$")]


def exact_ids(patterns: tuple[str, ...]) -> tuple[str, ...]:
    """A glob over ids would match nothing, and an exemption by it nobody: raises ValueError."""
    wrong = next((p for p in patterns if _ID_GLOB.fullmatch(p)), None)
    if wrong:
        raise ValueError(f'"{wrong}": ids are exact, globs are for names and paths')
    return patterns


class WhenSettings(Section):
    """Exactly one condition. Thresholds are at or past, never exactly."""

    age: Duration | None = Field(None, description="this long after creation, while Active")
    unused: Duration | None = Field(
        None, description="this long after the last use, or creation when never used"
    )
    inactive: Duration | None = Field(None, description="this long after it was deactivated")
    any: tuple["WhenSettings", ...] | None = Field(None, description="at least one of several conditions")
    all: tuple["WhenSettings", ...] | None = Field(None, description="each of several conditions")

    @model_validator(mode="after")
    def _one(self) -> Self:
        given = [name for name in type(self).model_fields if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(
                "give exactly one of age, unused, inactive, any, all (for several: all: [{age: 75d}, …])"
            )
        if self.any == () or self.all == ():
            raise ValueError(f"{given[0]} needs at least one condition")
        return self

    def domain(self) -> When:
        if self.age is not None:
            return Age(self.age)
        if self.unused is not None:
            return Unused(self.unused)
        if self.inactive is not None:
            return Inactive(self.inactive)
        if self.any is not None:
            return AnyOf(tuple(when.domain() for when in self.any))
        return AllOf(tuple(when.domain() for when in self.all or ()))


class RequireSettings(Section):
    """Delivered notices that must precede a destructive act."""

    notices: PositiveInt = Field(2, description="delivered notices before the act")
    over: Duration = Field(timedelta(days=7), description="the first of them at least this long ago")

    def domain(self) -> Require:
        return Require(self.notices, self.over)


class StageSettings(Section):
    """One rung of a ladder: a notice, or with `do` a destructive act."""

    name: Name = Field(description="free, except ok, exempt, inactive, unknown, resolved")
    when: WhenSettings = Field(description="age, unused, inactive, or any / all of several")
    do: Do | None = Field(None, description="deactivate or delete; without it the stage only tells")
    notify: tuple[str, ...] = Field((), description="names of sinks that are told")
    repeat: Duration | None = Field(
        None, description="tell again this long after the last time; without: once"
    )
    require: RequireSettings = Field(RequireSettings(), description="notices that must come before the act")

    @field_validator("name")
    @classmethod
    def _free(cls, name: str) -> str:
        if name.lower() in RESERVED_STAGES:
            raise ValueError(f'the stage name "{name}" is reserved ({", ".join(sorted(RESERVED_STAGES))})')
        return name

    @model_validator(mode="after")
    def _does_something(self) -> Self:
        if not self.notify and self.do is None:
            raise ValueError("the stage does nothing: give it notify, do, or both")
        if self.do is None and "require" in self.model_fields_set:
            raise ValueError("require goes with do only: it says what must come before a destructive act")
        return self

    def domain(self) -> Stage:
        return Stage(self.name, self.when.domain(), self.notify, self.repeat, self.do, self.require.domain())


class MatchSettings(Section):
    """AND across fields, OR within a list; globs are case-sensitive. Empty matches everything."""

    accounts: Globs = Field((), description="account ids, names or aliases")
    account_tags: Mapping[str, Globs] = Field({}, description="the account's tags")
    ous: Globs = Field((), description="OU ids, or paths of OU names")
    users: Globs = Field((), description="user names")
    paths: Globs = Field((), description="IAM paths")
    groups: Globs = Field((), description="IAM groups")
    tags: Mapping[str, Globs] = Field({}, description="the user's tags")
    kinds: tuple[Kind, ...] = Field((), description="kinds of credential")

    @field_validator("accounts", "ous")
    @classmethod
    def _ids_are_exact(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        return exact_ids(patterns)

    def domain(self) -> Match:
        fields = {name: getattr(self, name) for name in type(self).model_fields}
        return Match(**fields | {"account_tags": dict(self.account_tags), "tags": dict(self.tags)})


class ExemptSettings(Section):
    """Why these credentials are left alone."""

    reason: str = Field(min_length=1, description="why")
    approved_by: str = Field("", description="by whom")
    until: Instant | None = Field(None, description="lapses then, and the next rules apply; without: never")

    def domain(self) -> Exemption:
        return Exemption(self.reason, self.approved_by, self.until)


class SnoozeSettings(Section):
    """What owners may do on their own, by a button; `keysteward snooze` is not bound by it."""

    allowed: Flag = Field(True, description="false: owners can't snooze on their own")
    longest: Duration = Field(timedelta(days=14), description="in all, in one episode of a finding")
    past_deadline: Flag = Field(False, description="true: also past the day of deactivation that was told")

    def domain(self) -> SnoozeLimit:
        return SnoozeLimit(self.longest if self.allowed else timedelta(0), self.past_deadline)


class RuleSettings(Section):
    """Either a ladder of `stages` or an exemption, for the credentials that `match` selects."""

    name: Name = Field(description="shown with each decision")
    match: MatchSettings = Field(MatchSettings(), description="whom it covers; {} is everyone")
    mode: Mode | None = Field(None, description="can only lower the service's mode")
    exempt: ExemptSettings | None = Field(None, description="leave them alone: reason, approved_by, until")
    snooze: SnoozeSettings = Field(SnoozeSettings(), description="how long owners may snooze on their own")
    stages: tuple[StageSettings, ...] | None = Field(
        None, description="the ladder, from the mildest stage up"
    )

    @model_validator(mode="after")
    def _either(self) -> Self:
        if (self.stages is None) == (self.exempt is None):
            raise ValueError("a rule has either stages or exempt")
        if self.stages is not None and not 0 < len(self.stages) <= MOST_STAGES:
            raise ValueError(f"stages must not be {f'more than {MOST_STAGES}' if self.stages else 'empty'}")
        return self

    def domain(self) -> Rule:
        return Rule(
            self.name,
            self.match.domain(),
            tuple(stage.domain() for stage in self.stages or ()),
            self.exempt.domain() if self.exempt else None,
            self.mode,
            self.snooze.domain(),
        )


class BrakeSettings(Section):
    """A plan past this, before pacing, holds every destructive act until it is approved."""

    deactivations: PositiveInt = Field(50, description="deactivations in one plan")
    share: Share = Field(0.05, description="of the fleet's Active keys")


class CanarySettings(Section):
    """Under a new config, destructive acts happen in these accounts first."""

    accounts: Globs = Field(
        (), description="account ids, names or aliases; none: no account goes first", examples=[["sandbox"]]
    )
    quiet: Duration = Field(
        timedelta(hours=24),
        description="the others follow when nothing failed or was taken back there for so long",
    )

    @field_validator("accounts")
    @classmethod
    def _ids_are_exact(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        return exact_ids(patterns)

    def domain(self) -> Canary:
        return Canary(self.accounts, self.quiet)


class GuardSettings(Section):
    """Ceilings on a finished plan."""

    deactivations_per_run: int = Field(
        10, ge=0, description="paces: oldest first, the rest waits for the next run"
    )
    share_of_account: Share = Field(
        0.25, description="of an account's Active keys in one run, at least one key"
    )
    notices_per_run: int = Field(500, ge=0, description="a first day must not flood a workspace")
    brake: BrakeSettings = Field(
        BrakeSettings(), description="a plan past this holds every destructive act until it is approved"
    )
    canary: CanarySettings = Field(
        CanarySettings(), description="under a new config these accounts go first, and the rest waits"
    )
    freeze: tuple[Freeze, ...] = Field(
        (),
        description="nothing destructive happens in these windows (IANA zones, DST-aware)",
        examples=[["Fri 16:00 - Mon 08:00 Europe/Berlin", "2026-12-20 - 2027-01-04 Europe/Berlin"]],
    )

    def domain(self) -> Limits:
        return Limits(
            self.deactivations_per_run,
            self.share_of_account,
            self.notices_per_run,
            Brake(self.brake.deactivations, self.brake.share),
            self.freeze,
            self.canary.domain(),
        )
