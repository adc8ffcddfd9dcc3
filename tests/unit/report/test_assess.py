"""Each control at its boundary, and that what is not known never passes."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.model import (
    ACTIVE,
    EXPIRED,
    INACTIVE,
    Account,
    Credential,
    Inventory,
    LastUsed,
    Mode,
    Reason,
    Scan,
    ScanFailure,
    Snooze,
)
from app.plan.actions import Judged
from app.policy.evaluate import Decision
from app.policy.match import Match
from app.policy.rules import Exemption, Policy, Rule
from app.report.assess import Result, Verdict, assess
from app.report.evidence import UNHEARD, Evidence
from app.report.standards import STANDARDS, Check, Control, NoRootKey, OneActiveKey, Rotated, Standard, Unused

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
PROD = Account("111122223333", "prod")
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
EXEMPT = Rule("sealed", Match(), exemption=Exemption("Sealed", "ciso@example.com"))
PASS, FAIL, EXCEPTION, NOT_ASSESSED = Verdict


def key(
    age: timedelta = DAY,
    used: timedelta | None = SECOND,
    status: str = ACTIVE,
    user: str = "ann",
    key_id: str | None = "AKIAEXAMPLE000000001",
    last_used: LastUsed | None = None,
) -> Credential:
    """``used``: how long ago; None: never."""
    seen = LastUsed.never() if used is None else LastUsed("at", NOW - used)
    return Credential(PROD.id, user, key_id, status, NOW - age, last_used or seen, NOW, live=True)


def judged(credential: Credential, exempt: bool = False) -> Judged:
    decision = Decision(
        "exempt" if exempt else "ok", Reason("", ""), Mode.OBSERVE, EXEMPT if exempt else None
    )
    return Judged(PROD, credential, decision.state, decision)


def result(check: Check, *keys: Credential | Judged, **more: object) -> Result:
    standard = Standard("x", "X", (Control("1", "It", check, "So.", "https://example.com"),))
    every = [one if isinstance(one, Judged) else judged(one) for one in keys]
    scan = Inventory(PROD, NOW, tuple(one.credential for one in every), frozenset(), **more)  # type: ignore[arg-type]
    (found,) = assess(standard, scan, every)
    return found


@pytest.mark.parametrize(
    ("age", "verdict"),
    [
        (90 * DAY - SECOND, PASS),
        (90 * DAY, PASS),
        (90 * DAY + SECOND, FAIL),
        (91 * DAY, FAIL),
        (-DAY, PASS),
    ],
)
def test_rotated_every_90_days_or_less(age: timedelta, verdict: Verdict) -> None:
    assert result(Rotated(90), key(age)).verdict is verdict


@pytest.mark.parametrize("days", [45, 90])
@pytest.mark.parametrize(
    ("beyond", "at_limit", "verdict"),
    [
        (-DAY, True, PASS),
        (-SECOND, True, PASS),
        (0 * DAY, True, FAIL),
        (SECOND, True, FAIL),
        (-SECOND, False, PASS),
        (0 * DAY, False, PASS),
        (SECOND, False, FAIL),
        (DAY, False, FAIL),
    ],
)
def test_unused_for_so_long(days: int, beyond: timedelta, at_limit: bool, verdict: Verdict) -> None:
    check, idle = Unused(days, at_limit), days * DAY + beyond
    assert result(check, key(1000 * DAY, used=idle)).verdict is verdict
    assert result(check, key(idle, used=None)).verdict is verdict  # never used: since its creation


@pytest.mark.parametrize(
    ("keys", "verdict"),
    [
        ([], PASS),
        ([key()], PASS),
        ([key(), key(user="bo")], PASS),
        ([key(), key(status=INACTIVE)], PASS),
        ([key(), key(status=EXPIRED)], PASS),
        ([key(), key()], FAIL),
    ],
)
def test_one_active_key_a_user(keys: list[Credential], verdict: Verdict) -> None:
    assert result(OneActiveKey(), *keys).verdict is verdict


@pytest.mark.parametrize(
    ("number", "known", "verdict"),
    [(0, True, PASS), (1, True, FAIL), (2, True, FAIL), (0, False, NOT_ASSESSED)],
)
def test_no_key_of_the_root_user(number: int, known: bool, verdict: Verdict) -> None:
    assert result(NoRootKey(), root_keys=number, root_keys_known=known).verdict is verdict


@pytest.mark.parametrize("status", [INACTIVE, EXPIRED])
@pytest.mark.parametrize("check", [Rotated(90), Unused(45, at_limit=True), OneActiveKey()])
def test_only_active_keys_count(check: Check, status: str) -> None:
    old = key(1000 * DAY, used=None, status=status)
    assert result(check, old, old).verdict is PASS


@pytest.mark.parametrize("check", [Rotated(90), Unused(45, at_limit=True), OneActiveKey()])
def test_a_status_that_nobody_knows_passes_nothing(check: Check) -> None:
    assert result(check, key(status="Sleeping")).verdict is NOT_ASSESSED


@pytest.mark.parametrize("age", [DAY, 1000 * DAY])
def test_a_last_use_that_is_not_known_never_passes(age: timedelta) -> None:
    blind = key(age, last_used=LastUsed.unknown("throttled"))
    found = result(Unused(45, at_limit=True), blind, key())
    assert (found.verdict, found.findings[0].reason) == (NOT_ASSESSED, "Its last use is unknown (throttled)")


def test_a_creation_that_was_not_read_can_fail_but_not_pass() -> None:
    """A row of the credential report has the latest possible date."""
    assert result(Rotated(90), key(91 * DAY, key_id=None)).verdict is FAIL
    assert result(Rotated(90), key(DAY, key_id=None)).verdict is NOT_ASSESSED
    assert result(Unused(45, at_limit=True), key(DAY, used=None, key_id=None)).verdict is NOT_ASSESSED
    assert result(Unused(45, at_limit=True), key(DAY, used=DAY, key_id=None)).verdict is PASS


@pytest.mark.parametrize(
    ("keys", "verdict", "text"),
    [
        ([judged(key(91 * DAY), True)], EXCEPTION, "Of 1 active key: 1 failing by exception"),
        (
            [judged(key(91 * DAY), True), judged(key(92 * DAY))],
            FAIL,
            "Of 2 active keys: 1 failing, 1 failing by exception",
        ),
        (
            [judged(key(91 * DAY), True), judged(key(DAY, key_id=None))],
            NOT_ASSESSED,
            "Of 2 active keys: 1 failing by exception, 1 not to be judged",
        ),
        ([judged(key(DAY), True)], PASS, "1 active key, none fails"),
        ([], PASS, "No active key"),
    ],
)
def test_what_is_exempted_fails_with_exception(keys: list[Judged], verdict: Verdict, text: str) -> None:
    found = result(Rotated(90), *keys)
    assert (found.verdict, found.reason) == (verdict, text)


# --- any fleet ---

SPANS = st.integers(0, 400).map(lambda days: days * DAY)
USES = st.one_of(
    st.none(), SPANS.map(lambda ago: LastUsed("at", NOW - ago)), st.just(LastUsed.unknown("denied"))
)


@st.composite
def scans(draw: st.DrawFn) -> tuple[Scan, list[Judged]]:
    account = Account(f"{draw(st.integers(0, 10**6)):012d}")
    if draw(st.booleans()):
        return ScanFailure(account, NOW, "denied"), []
    keys = [
        judged(
            key(
                draw(SPANS),
                None,
                draw(st.sampled_from([ACTIVE, INACTIVE, EXPIRED, "Odd"])),
                draw(st.sampled_from(["ann", "bo"])),
                draw(st.sampled_from(["AKIAEXAMPLE000000001", None])),
                draw(USES),
            ),
            draw(st.booleans()),
        )
        for _ in range(draw(st.integers(0, 4)))
    ]
    found = tuple(one.credential for one in keys)
    return Inventory(account, NOW, found, frozenset(), root_keys_known=draw(st.booleans())), keys


@given(
    st.lists(scans(), max_size=6, unique_by=lambda one: one[0].account.id), st.sampled_from(list(STANDARDS))
)
def test_what_was_not_read_never_passes(fleet: list[tuple[Scan, list[Judged]]], name: str) -> None:
    """And every listed account has one verdict a control, whether the scan came to it or not."""
    evidence = Evidence(STANDARDS[name], Policy(()))
    for scan, keys in fleet:
        evidence.take(scan, keys)
    unheard = Account("999999999999")
    evidence.close([*(scan.account for scan, _ in fleet), unheard], NOW)
    failed = {scan.account.id for scan, _ in fleet if isinstance(scan, ScanFailure)} | {unheard.id}
    for one in evidence.results:
        assert (one.verdict is NOT_ASSESSED) or one.account.id not in failed
    assert {one.account.id for one in evidence.unread} == failed
    assert len(evidence.results) == (len(fleet) + 1) * len(evidence.standard.controls)


@given(scans(), st.sampled_from(list(STANDARDS)))
def test_a_pass_means_that_every_active_key_is_known_to_meet_the_control(
    one: tuple[Scan, list[Judged]], name: str
) -> None:
    scan, keys = one
    active = [k.credential for k in keys if k.credential.status == ACTIVE]
    for found in assess(STANDARDS[name], scan, keys):
        if found.verdict is not PASS:
            continue
        assert isinstance(scan, Inventory)
        match found.control.check:
            case Rotated(days):
                assert all(k.id and NOW - k.created <= days * DAY for k in active)
            case Unused(days, _):
                assert all(k.last_used.state != "unknown" for k in active)
                assert all(NOW - (k.last_used.at or k.created) <= days * DAY for k in active)
            case OneActiveKey():
                assert len({k.user for k in active}) == len(active)
            case NoRootKey():
                assert scan.root_keys_known
                assert not scan.root_keys


def test_an_account_that_the_scan_never_came_to_is_not_assessed() -> None:
    evidence = Evidence(STANDARDS["cis"], Policy(()))
    evidence.close([PROD], NOW)
    assert [one.unread for one in evidence.covered] == [UNHEARD]


def test_a_key_of_which_the_plan_concludes_nothing_is_judged_by_what_aws_says() -> None:
    """As one is that reads Active minutes after this service deactivated it."""
    evidence = Evidence(STANDARDS["cis"], Policy(()))
    evidence.take(Inventory(PROD, NOW, (key(300 * DAY),), frozenset()), [])
    verdicts = {one.control.name: (one.verdict, one.keys) for one in evidence.results}
    assert verdicts["rotated-90"] == (FAIL, 1)
    assert evidence.keys == 1


def test_a_snooze_that_is_over_is_not_told() -> None:
    one = judged(key())
    for until, told in ((NOW, 0), (NOW + SECOND, 1)):
        snooze = Snooze(one.credential.uid, until, "ann@example.com", "release", NOW - DAY)
        evidence = Evidence(STANDARDS["cis"], Policy(()), {one.credential.uid: snooze})
        evidence.take(Inventory(PROD, NOW, (one.credential,), frozenset()), [one])
        assert len(evidence.excepted) == told


def test_an_exemption_that_covers_no_key_is_told_too() -> None:
    evidence = Evidence(STANDARDS["cis"], Policy((EXEMPT,)))
    evidence.close([], NOW)
    assert [(one.judged, one.rule) for one in evidence.excepted] == [(None, EXEMPT)]
