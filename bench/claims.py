"""What must show: each claim is a number of the run and the most that it may be."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from bench.fleet import Fleet
from bench.runners import Row
from bench.scenarios import Scenario
from bench.truth import is_near

# Listing the accounts, and who the hub is, cost the same however the accounts are read.
LISTING = ("organizations:", "sts:GetCallerIdentity")


class Claim(NamedTuple):
    text: str
    value: float
    most: float

    @property
    def holds(self) -> bool:
        return self.value <= self.most


@dataclass(frozen=True)
class Result:
    """One scenario, measured."""

    scenario: Scenario
    fleet: Fleet
    rows: Mapping[str, Row]  # by the runner's short name


@dataclass
class Results:
    """A whole run: scenarios by their names, and the CPU of one call in seconds, by who makes it."""

    scenarios: dict[str, Result] = field(default_factory=dict)
    micro: dict[str, float] = field(default_factory=dict)


def claims(results: Results) -> Iterator[Claim]:
    """Those that this run can tell."""
    for name, result in results.scenarios.items():
        yield from (claim._replace(text=f"{name}: {claim.text}") for claim in _of(result, results.micro))
    yield from _growth(results.scenarios)
    if {"boto3", "Keysteward"} <= results.micro.keys():
        a_call = results.micro["Keysteward"] / results.micro["boto3"]
        yield Claim("CPU of one call, times bare boto3's", a_call, 0.4)


def _of(result: Result, micro: Mapping[str, float]) -> Iterator[Claim]:
    rows, accounts = result.rows, result.scenario.accounts
    for row in rows.values():
        if row.verdict and row.runner.startswith("Keysteward"):
            wrong = row.verdict.missing + row.verdict.extra
            yield Claim(f"{row.runner}: keys missing or wrong", wrong, 0)
    if "cold" in rows:
        refused = rows["cold"].calls.throttled  # how many, is a claim of its own
        rest = (_calls(rows["cold"]) - refused - _near(result.fleet)) / accounts
        yield Claim("cold calls an account, besides one for each user near a stage", rest, 5)
    if "steady" in rows:
        yield Claim("steady calls an account", _calls(rows["steady"]) / accounts, 5)
    if result.scenario.service.rate:
        yield from _throttled(rows)
    else:
        yield from _speed(result, micro)


def _throttled(rows: Mapping[str, Row]) -> Iterator[Claim]:
    for name in ("cold", "steady"):
        if name in rows:
            share = rows[name].calls.throttled / max(1, rows[name].calls.total)
            yield Claim(f"{name}: share of calls that were throttled", share, 0.1)


def _speed(result: Result, micro: Mapping[str, float]) -> Iterator[Claim]:
    rows, accounts = result.rows, result.scenario.accounts
    if accounts == 1 and {"cold", "floor"} <= rows.keys():
        yield Claim("cold wall, times the floor's", _wall(rows, "cold", "floor"), 1.5)
    if accounts == 1 and "steady" in rows:
        yield Claim("steady calls in all", rows["steady"].calls.total, 5)
    if accounts >= 500 and {"steady", "report_first"} <= rows.keys():
        yield Claim("steady wall, times report first's", _wall(rows, "steady", "report_first"), 0.1)
    for name in ("cold", "steady"):
        if accounts >= 500 and name in rows and micro:
            a_call = rows[name].cpu_a_call / micro["boto3"]
            yield Claim(f"{name} run's whole CPU by its calls, times a bare boto3 call's", a_call, 1.0)
    if "steady" in rows:
        yield from _against_tools(rows)


def _against_tools(rows: Mapping[str, Row]) -> Iterator[Claim]:
    ours = rows["steady"]
    for name in ("c7n-org", "prowler"):
        if name in rows and rows[name].cost.exit == 0:
            theirs = rows[name]
            yield Claim(f"steady calls, times {name}'s", ours.calls.total / theirs.calls.total, 1 / 20)
            yield Claim(f"steady wall, times {name}'s", _wall(rows, "steady", name), 1 / 10)
            yield Claim(f"steady memory, times {name}'s", ours.cost.peak_mb / theirs.cost.peak_mb, 1 / 4)


def _growth(scenarios: Mapping[str, Result]) -> Iterator[Claim]:
    """From a thousand accounts to ten thousand."""
    found = {r.scenario.accounts: r.rows["steady"] for r in scenarios.values() if "steady" in r.rows}
    if 10_000 in found:
        yield Claim("10,000 accounts, steady: peak memory in MiB", found[10_000].cost.peak_mb, 400)
    if 10_000 in found and 1_000 in found:
        grown = found[10_000].cost.cpu / found[1_000].cost.cpu / 10
        yield Claim("CPU an account at 10,000, times that at 1,000", grown, 1.15)


def _calls(row: Row) -> int:
    return sum(n for action, n in row.calls.by_action.items() if not action.startswith(LISTING))


def _near(fleet: Fleet) -> int:
    users = (user for number in range(fleet.accounts) for user in fleet.users_of(number))
    return sum(is_near(user, fleet.now) for user in users)


def _wall(rows: Mapping[str, Row], one: str, other: str) -> float:
    return rows[one].cost.wall / rows[other].cost.wall
