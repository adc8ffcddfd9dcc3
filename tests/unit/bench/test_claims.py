"""What must show, told from made-up measurements."""

from pathlib import Path

from bench.claims import Claim, Result, Results, claims
from bench.fleet import Fleet
from bench.processes import Calls, Cost, Service
from bench.runners import Row
from bench.scenarios import custom
from bench.table import save
from bench.truth import is_near, looks_near
from bench.verify import Verdict

FLEET = Fleet(accounts=1, users=4, now=1_800_000_000)


def row(name: str, wall: float, calls: dict[str, int], throttled: int = 0, missing: int = 0) -> Row:
    return Row(name, Cost(wall, 1.0, 50.0, 0), Calls(calls, throttled), Verdict(10, missing))


def told(rows: dict[str, Row], rate: float = 0) -> dict[str, Claim]:
    result = Result(custom("1x4", tuple(rows), Service(rate=rate)), FLEET, rows)
    found = claims(Results({"1x4": result}, {"boto3": 0.001}))
    return {claim.text.removeprefix("1x4: "): claim for claim in found}


def test_listing_accounts_is_not_charged_to_an_account() -> None:
    calls = {
        "organizations:ListRoots": 7,
        "sts:GetCallerIdentity": 1,
        "sts:AssumeRole": 1,
        "iam:ListUsers": 3,
    }
    found = told({"steady": row("Keysteward, steady", 1, calls)})
    assert found["steady calls an account"] == Claim("1x4: steady calls an account", 4, 5)
    assert found["steady calls an account"].holds
    assert not found["steady calls in all"].holds


def test_a_cold_wall_is_held_against_the_floor_s() -> None:
    rows = {"floor": row("floor", 2, {}), "cold": row("Keysteward, cold", 3.5, {"iam:ListUsers": 1})}
    claim = told(rows)["cold wall, times the floor's"]
    assert (claim.value, claim.holds) == (1.75, False)


def test_under_a_low_bucket_the_share_of_throttled_calls_is_told() -> None:
    found = told({"cold": row("Keysteward, cold", 1, {"iam:ListUsers": 20}, throttled=1)}, rate=20)
    assert found["cold: share of calls that were throttled"].value == 0.05


def test_a_key_that_is_missing_breaks_the_claim_of_exactness() -> None:
    found = told({"steady": row("Keysteward, steady", 1, {}, missing=1)})
    assert not found["Keysteward, steady: keys missing or wrong"].holds


def test_the_results_are_saved_as_a_page_and_as_data(tmp_path: Path) -> None:
    rows = {
        "floor": row("floor", 2, {"iam:ListUsers": 1}),
        "steady": row("Keysteward, steady", 1, {"iam:X": 2}),
    }
    result = Result(custom("1x4", tuple(rows), Service()), FLEET, rows)
    page = save(Results({"1x4": result}, {"boto3": 0.001}), tmp_path, "latest")
    assert "| floor | 2.0 s | 1.0 s | 50 MiB | 1 |" in page.read_text()
    assert '"wall": 2' in (tmp_path / "latest.json").read_text()


def test_one_call_is_held_against_a_bare_one_of_the_sdk() -> None:
    (claim,) = claims(Results({}, {"boto3": 0.001, "Keysteward": 0.0005, "hand-signed": 0.0001}))
    assert (claim.value, claim.holds) == (0.5, False)


def test_a_cold_run_may_read_each_user_who_is_truly_near_a_stage() -> None:
    near = sum(is_near(user, FLEET.now) for user in FLEET.users_of(0))
    found = told({"cold": row("Keysteward, cold", 1, {"iam:ListAccessKeys": near + 4})})
    assert found["cold calls an account, besides one for each user near a stage"].value == 4
    throttled = told({"cold": row("Keysteward, cold", 1, {"iam:ListAccessKeys": near + 6}, throttled=2)}, 20)
    assert throttled["cold calls an account, besides one for each user near a stage"].value == 4
    assert near >= sum(looks_near(user, FLEET.now) for user in FLEET.users_of(0)) > 0
