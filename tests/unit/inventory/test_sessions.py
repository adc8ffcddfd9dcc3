"""Names of sessions, and errors without vendor's words that could leak."""

import re
from dataclasses import replace
from pathlib import Path

import botocore.session
import pytest
from botocore import exceptions as sdk

from app.errors import Ambiguous, Permanent, Transient
from app.inventory.api import Pace
from app.inventory.credentials import RoleScope, holder, source_key
from app.inventory.faults import Denied, Gone, NotReady, Throttled, translate
from app.inventory.sessions import Sessions, session_name
from app.model import Account, RoleRef
from tests.fakes.clock import Sleeper

KEY = "AKIA1234567890ABCDEF"


@pytest.mark.parametrize(
    ("arn", "who"),
    [
        ("arn:aws:sts::1:assumed-role/hub role/i-0abc", "hub-role"),
        ("arn:aws:iam::1:user/team/ann", "ann"),
        ("arn:aws:iam::1:root", "host-1"),
        ("arn:aws:sts::1:assumed-role/" + "x" * 64 + "/s", "xxx"),
        ("arn:aws:iam::1:user/jörg", "j-rg"),
    ],
)
def test_a_session_says_who_reads_within_what_aws_allows(arn: str, who: str) -> None:
    name = session_name(arn, "host-1")
    assert name.startswith(f"keysteward-{who}")
    assert re.fullmatch(r"[\w+=,.@-]{2,64}", name, re.ASCII)


CONFIG = f"""
[profile ours]
role_arn = arn:aws:iam::999988887777:role/hub
source_profile = between
[profile between]
role_arn = arn:aws:iam::999988887777:role/door
source_profile = by-hand
aws_access_key_id = AKIAUNUSED0000000000
[profile itself]
role_arn = arn:aws:iam::999988887777:role/hub
source_profile = itself
aws_access_key_id = {KEY}
[profile by-hand]
aws_access_key_id = {KEY}
aws_secret_access_key = secret
[profile round]
role_arn = arn:aws:iam::999988887777:role/hub
source_profile = round
[profile from-env]
role_arn = arn:aws:iam::999988887777:role/hub
credential_source = Environment
"""


@pytest.mark.parametrize(
    ("profile", "found"),
    [
        ("ours", KEY),
        ("itself", KEY),
        ("by-hand", KEY),
        ("round", None),
        ("from-env", KEY),
        ("absent", None),
        (None, None),
    ],
)
def test_the_key_behind_the_hubs_own_role_is_known(
    profile: str | None, found: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config").write_text(CONFIG)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY if profile == "from-env" else "ASIA1234567890ABCDEF")
    assert source_key(botocore.session.Session(profile=profile)) == found


def refused(code: str, status: int = 400, message: str = "") -> sdk.ClientError:
    error = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return sdk.ClientError(error, "ListUsers")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (refused("Throttling"), Throttled),
        (refused("Whatever", 429), Throttled),
        (refused("AccessDenied", 403), Denied),
        (refused("NoSuchEntity", 404), Gone),
        (refused("ReportNotPresent", 410), NotReady),
        (refused("InvalidClientTokenId", 403), Permanent),
        (refused("ExpiredToken", 403), Transient),
        (refused("ServiceFailure", 500), Ambiguous),
        (refused("ValidationError"), Permanent),
        (sdk.NoCredentialsError(), Permanent),
        (sdk.EndpointConnectionError(endpoint_url="https://x"), Transient),
        (sdk.ReadTimeoutError(endpoint_url="https://x"), Ambiguous),
        (sdk.ParamValidationError(report=f"bad {KEY}"), Permanent),
        (RuntimeError(KEY), Ambiguous),
    ],
)
def test_each_failure_of_the_sdk_has_its_kind(error: Exception, kind: type[Exception]) -> None:
    found = translate(error, "iam:ListUsers", "in account 1", "the hub")
    assert isinstance(found, kind)
    assert KEY not in str(found)


def test_a_connection_that_never_stood_is_not_ambiguous() -> None:
    error = translate(sdk.ConnectTimeoutError(endpoint_url="https://x"), "iam:UpdateAccessKey", "", "the hub")
    assert not isinstance(error, Ambiguous)


def test_a_denial_by_a_service_control_policy_says_so() -> None:
    said = "explicit deny in a service control policy"
    assert "service control policy" in str(
        translate(refused("AccessDenied", 403, said), "iam:ListUsers", "", "the hub")
    )


def test_a_denial_names_the_permission_the_account_and_whom_to_grant_it() -> None:
    denial = refused("AccessDenied", 403, "no identity-based policy allows it")
    said = str(translate(denial, "iam:ListUsers", "in account 1", holder("arn:aws:iam::1:role/r", "spoke")))
    assert said.startswith(
        "iam:ListUsers in account 1 is denied: grant iam:ListUsers to arn:aws:iam::1:role/r"
    )
    assert said.endswith("(see `keysteward iam-policy spoke`)")


def test_who_acts_without_a_role_of_his_own_needs_the_actors_policy() -> None:
    sessions, account = Sessions(), Account("111122223333")
    assert sessions.acting(account).scope.holder == "the hub (see `keysteward iam-policy actor`)"
    assert sessions.reading(account).scope.holder == "the hub (see `keysteward iam-policy hub`)"
    arn = "arn:aws:iam::111122223333:role/r"
    reader = replace(account, reader=RoleRef(arn, None))
    assert sessions.acting(reader).scope.holder == f"{arn} (see `keysteward iam-policy actor`)"


def test_an_id_in_awss_own_words_is_masked() -> None:
    text = str(
        translate(refused("ValidationError", 400, f"key {KEY} is odd"), "iam:ListUsers", "", "the hub")
    )
    assert KEY not in text
    assert "…CDEF" in text


def test_roles_of_accounts_that_have_left_are_not_kept_for_ever() -> None:
    time = Sleeper()
    sessions = Sessions(pace=Pace(sleep=time.sleep, monotonic=lambda: time.now))
    for number in range(1000):
        sessions.reading(Account(f"{number:012}", reader=RoleRef(f"arn:aws:iam::{number:012}:role/spoke")))
        time.sleep(3600)
    assert len(sessions._scopes) < 30


def test_a_role_that_is_asked_for_is_not_idle() -> None:
    time, given = Sleeper(), {"AccessKeyId": "a", "SecretAccessKey": "b", "SessionToken": "c"}
    role = RoleRef("arn:aws:iam::000000000001:role/spoke")
    scope = RoleScope(lambda **_: {"Credentials": given}, role, "read", lambda: "name", lambda: time.now)
    time.sleep(86_400)
    assert scope.idle == 86_400
    scope.credentials()
    assert scope.idle == 0
