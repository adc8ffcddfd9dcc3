"""Tables for the pure core: match, stage dates, owners, near, and the decision."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from app.model import ACTIVE, EXPIRED, INACTIVE, Account, Credential, Kind, LastUsed, Mode
from app.policy.evaluate import ago, evaluate, last_used_text
from app.policy.match import covers
from app.policy.near import need_of
from app.policy.owner import fallback_of, owners_of
from app.policy.rules import (
    Age,
    AllOf,
    AnyOf,
    Exemption,
    Inactive,
    Match,
    OwnerByMap,
    OwnerByTag,
    OwnerByUserName,
    OwnerFallback,
    Policy,
    Rule,
    Stage,
    Unused,
    When,
)
from app.policy.stages import END_OF_TIME, current_stage, stage_due
from tests.fakes.policies import DEACTIVATE, FINAL, LADDER, TICKET, WARN, days, policy

NOW = datetime(2026, 6, 1, 9, 0, tzinfo=UTC)
PROD = Account(
    "111122223333",
    "prod",
    alias="acme-prod",
    ou_ids=("r-ab12", "ou-ab12-11111111"),
    ou_path="Root/Prod/Payments",
    tags={"team": "payments"},
)
KEY = Credential(
    account_id=PROD.id,
    user="ci-deploy",
    id="AKIAEXAMPLE000000001",
    status=ACTIVE,
    created=NOW - days(100),
    last_used=LastUsed("at", NOW - days(50), "s3", "eu-central-1"),
    observed_at=NOW,
    live=True,
    user_path="/bots/ci/",
    tags={"owner": "ann@example.com", "tier": "gold"},
    groups=("deployers", "bots"),
)


@pytest.mark.parametrize(
    ("match", "answer"),
    [
        (Match(), True),
        (Match(accounts=("111122223333",)), True),
        (Match(accounts=("11112222333",)), False),
        (Match(accounts=("1111*",)), False),
        (Match(ous=("ou-ab12-*",)), False),
        (Match(accounts=("pro?",)), True),
        (Match(accounts=("acme-*",)), True),
        (Match(accounts=("PROD",)), False),
        (Match(accounts=("dev", "prod")), True),
        (Match(ous=("ou-ab12-11111111",)), True),
        (Match(ous=("Root/Prod/*",)), True),
        (Match(ous=("Root/Dev/*",)), False),
        (Match(account_tags={"team": ("pay*",)}), True),
        (Match(account_tags={"team": ("ops",)}), False),
        (Match(users=("ci-*",)), True),
        (Match(users=("CI-*",)), False),
        (Match(paths=("/bots/*",)), True),
        (Match(groups=("deploy*",)), True),
        (Match(groups=("admins",)), False),
        (Match(tags={"tier": ("gold", "silver")}), True),
        (Match(tags={"tier": ("silver",)}), False),
        (Match(tags={"missing": ("*",)}), False),
        (Match(tags={"tier": ()}), False),
        (Match(kinds=(Kind.ACCESS_KEY,)), True),
        (Match(kinds=(Kind.CONSOLE_PASSWORD,)), False),
        (Match(users=("ci-*",), groups=("admins",)), False),
        (Match(users=("ci-*",), groups=("bots",)), True),
    ],
)
def test_a_match_is_and_across_fields_and_or_within_one(match: Match, answer: bool) -> None:
    assert covers(match, PROD, KEY) is answer


@pytest.mark.parametrize(
    ("match", "answer"),
    [
        (Match(tags={"tier": ("gold",)}), None),
        (Match(groups=("bots",)), None),
        (Match(users=("nobody",), tags={"tier": ("gold",)}), False),
        (Match(users=("ci-*",)), True),
        (Match(account_tags={"team": ("payments",)}), None),
    ],
)
def test_what_cannot_be_read_is_unknown_unless_another_field_decides(
    match: Match, answer: bool | None
) -> None:
    blind = replace(KEY, tags=None, groups=None)
    assert covers(match, replace(PROD, tags=None), blind) is answer


def _at(number: float) -> datetime:
    return KEY.created + days(number)


@pytest.mark.parametrize(
    ("when", "changes", "due"),
    [
        (Age(days(90)), {}, _at(90)),
        (Age(days(90)), {"status": INACTIVE}, None),
        (Age(days(90)), {"status": EXPIRED}, None),
        (Unused(days(45)), {}, NOW - days(5)),
        (Unused(days(45)), {"last_used": LastUsed.never()}, _at(45)),
        (Unused(days(45)), {"last_used": LastUsed.unknown("denied")}, None),
        (Unused(days(45)), {"last_used": LastUsed("at", NOW, None, None)}, NOW + days(45)),
        (Inactive(days(30)), {}, None),
        (Inactive(days(30)), {"status": INACTIVE}, NOW + days(20)),
        (AnyOf((Age(days(90)), Unused(days(45)))), {}, _at(90)),
        (AnyOf((Age(days(90)), Unused(days(45)))), {"last_used": LastUsed.unknown("x")}, _at(90)),
        (AllOf((Age(days(90)), Unused(days(45)))), {}, NOW - days(5)),
        (AllOf((Age(days(90)), Unused(days(45)))), {"last_used": LastUsed.unknown("x")}, None),
        (Age(timedelta(days=999_999_999)), {}, END_OF_TIME),
    ],
)
def test_when_a_condition_falls_due(when: When, changes: dict[str, object], due: datetime | None) -> None:
    credential = replace(KEY, **changes)  # type: ignore[arg-type]
    assert stage_due(Stage("s", when, ("slack",)), credential, NOW - days(10)) == due


def test_only_a_destructive_unused_waits_a_day_longer() -> None:
    act = replace(DEACTIVATE, when=Unused(days(45)))
    assert stage_due(act, KEY, None) == NOW - days(4)
    assert stage_due(replace(act, do=None), KEY, None) == NOW - days(5)


@pytest.mark.parametrize(
    ("age", "stage"),
    [
        (74.9, None),
        (75, "warn"),
        (79.9, "warn"),
        (80, "ticket"),
        (87, "final"),
        (90, "deactivate"),
        (900, "deactivate"),
    ],
)
def test_the_current_stage_is_the_last_listed_one_at_or_past_its_threshold(
    age: float, stage: str | None
) -> None:
    credential = replace(KEY, created=NOW - days(age), last_used=LastUsed("at", NOW))
    found, _ = current_stage(Rule("r", Match(), LADDER), credential, None, NOW)
    assert (found.name if found else None) == stage


def test_the_first_matching_rule_wins() -> None:
    first = Rule("bots", Match(users=("ci-*",)), (replace(WARN, when=Age(days(500))),))
    decision = evaluate(policy(first, Rule("default", Match(), LADDER)), PROD, KEY, None, NOW)
    assert decision.rule is first
    assert decision.state == "ok"


def test_a_lapsed_exemption_matches_nothing_and_the_ladder_behind_it_applies() -> None:
    exempt = Rule("sealed", Match(), exemption=Exemption("sealed", "ciso@example.com", NOW))
    behind = Rule("default", Match(), LADDER)
    before = evaluate(policy(exempt, behind), PROD, KEY, None, NOW - timedelta(seconds=1))
    assert (before.state, before.next_rule) == ("exempt", behind)
    assert evaluate(policy(exempt, behind), PROD, KEY, None, NOW).state == "deactivate"


def test_what_might_be_exempt_is_unknown_while_its_tags_cannot_be_read() -> None:
    sealed = Rule("sealed", Match(tags={"sealed": ("yes",)}), exemption=Exemption("sealed"))
    blind = replace(KEY, tags=None, unreadable="iam:ListUserTags is denied")
    decision = evaluate(policy(sealed, Rule("default", Match(), LADDER)), PROD, blind, None, NOW)
    assert decision.state == "unknown"
    assert "iam:ListUserTags" in decision.reason.text


def test_what_no_rule_matches_is_left_alone() -> None:
    decision = evaluate(policy(Rule("other", Match(users=("x",)), LADDER)), PROD, KEY, None, NOW)
    assert (decision.state, decision.reason.code) == ("ok", "no_rule")


@pytest.mark.parametrize("service", list(Mode))
@pytest.mark.parametrize("account", [None, *Mode])
@pytest.mark.parametrize("rule", [None, *Mode])
def test_the_lowest_of_three_modes_holds(service: Mode, account: Mode | None, rule: Mode | None) -> None:
    rules = Rule("default", Match(), LADDER, mode=rule)
    decision = evaluate(policy(rules, mode=service), replace(PROD, mode=account), KEY, None, NOW)
    given = [mode for mode in (service, account, rule) if mode]
    assert decision.mode == min(given, key=list(Mode).index)


@pytest.mark.parametrize(
    ("tags", "address", "how"),
    [
        ({"owner": "ann@example.com"}, "ann@example.com", "tag owner"),
        ({"owner": " ann@example.com "}, "ann@example.com", "tag owner"),
        ({"owner": "the platform team"}, "platform@example.com", "map"),
        ({}, "platform@example.com", "map"),
    ],
)
def test_the_first_source_with_an_address_names_the_owner(
    tags: dict[str, str], address: str, how: str
) -> None:
    sources = (
        OwnerByTag("owner"),
        OwnerByMap({"ci-*": "platform@example.com"}),
        OwnerFallback("sec@example.com"),
    )
    owner = owners_of(sources, PROD, replace(KEY, tags=tags))[0]
    assert (owner.address, owner.how) == (address, how)


def test_a_user_name_becomes_an_address_only_where_its_pattern_fits() -> None:
    source = (OwnerByUserName("{user}@example.com", "*.*"), OwnerFallback("sec@example.com"))
    named = owners_of(source, PROD, replace(KEY, user="ann.lee"))[0]
    [other] = owners_of(source, PROD, KEY)
    assert named.address == "ann.lee@example.com"
    assert other.is_fallback
    assert fallback_of(source) == "sec@example.com"
    assert owners_of((), PROD, KEY) == ()


def test_need_is_the_earliest_rung_and_live_below_eight_hours() -> None:
    need = need_of(policy())
    assert (need.near_age, need.inactive_matters, need.live) == (days(45), True, False)
    assert need_of(policy(), ahead=days(30)).near_age == days(15)
    quick = Stage("warn", Age(timedelta(minutes=5)), ("slack",))
    assert need_of(policy(Rule("r", Match(), (quick, TICKET)))).live
    hourly = replace(FINAL, repeat=timedelta(hours=1))
    assert need_of(policy(Rule("r", Match(), (hourly,)))).live
    assert not need_of(Policy((Rule("r", Match(), (FINAL,)),))).inactive_matters


@pytest.mark.parametrize(
    ("span", "text"),
    [
        (timedelta(seconds=-5), "just now"),
        (timedelta(seconds=30), "just now"),
        (timedelta(minutes=25), "25 min ago"),
        (timedelta(hours=2, minutes=50), "2 h ago"),
        (timedelta(hours=47), "47 h ago"),
        (days(41.5), "41 days ago"),
    ],
)
def test_ago_reads_like_speech(span: timedelta, text: str) -> None:
    assert ago(span) == text


def test_a_last_use_is_told_with_its_service_and_region_when_they_are_known() -> None:
    used = LastUsed("at", NOW - timedelta(hours=2), "s3", "eu-central-1")
    assert last_used_text(used, NOW) == "2 h ago by s3 in eu-central-1"
    assert last_used_text(replace(used, service=None, region=None), NOW) == "2 h ago"
    assert last_used_text(LastUsed.never(), NOW) == "never"
    assert last_used_text(LastUsed.unknown("denied"), NOW) == "unknown (denied)"
