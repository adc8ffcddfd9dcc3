"""Answers in XML: what can't be read whole and for certain is not read at all."""

from datetime import UTC, datetime
from functools import cache
from typing import Any

import botocore.session
import pytest
from botocore.model import OperationModel
from botocore.parsers import ResponseParserError

from app.inventory.answers import answer_reader, read_error
from tests.fakes.wires import result

KEY = (
    "<UserName>ann</UserName><AccessKeyId>AKIA1</AccessKeyId><Status>Active</Status>"
    "<CreateDate>2026-01-02T03:04:05Z</CreateDate>"
)
KEYS = f"<AccessKeyMetadata><member>{KEY}</member></AccessKeyMetadata><IsTruncated>false</IsTruncated>"
SECRET = "wJalrXUtnFEMI"
GIVEN = (
    f"<Credentials><AccessKeyId>ASIA1</AccessKeyId><SecretAccessKey>{SECRET}</SecretAccessKey>"
    "<SessionToken>t</SessionToken><Expiration>2026-01-02T03:04:05Z</Expiration></Credentials>"
)
USER = "<Path>/</Path><UserName>ann</UserName>"
ENTRY = "<entry><key>Users</key><value>1</value></entry>"
AT = "<GeneratedTime>2026-01-02T03:04:05Z</GeneratedTime>"


@cache
def model(action: str) -> OperationModel:
    service = "sts" if action == "AssumeRole" else "iam"
    found: OperationModel = botocore.session.Session().get_service_model(service).operation_model(action)
    return found


def read(action: str, inner: str) -> dict[str, Any]:
    return answer_reader(model(action))(result(action, inner).encode())


def test_a_listing_has_its_types() -> None:
    key = {
        "UserName": "ann",
        "AccessKeyId": "AKIA1",
        "Status": "Active",
        "CreateDate": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    }
    assert read("ListAccessKeys", KEYS) == {"AccessKeyMetadata": [key], "IsTruncated": False}


@pytest.mark.parametrize(
    "stamp", ["2026-01-02T03:04:05Z", "2026-01-02T03:04:05+00:00", "2026-01-02T04:04:05.000+01:00"]
)
def test_times_are_aware_and_in_utc(stamp: str) -> None:
    found = read("GetCredentialReport", f"<Content/><GeneratedTime>{stamp}</GeneratedTime>")["GeneratedTime"]
    assert found == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert found.tzinfo is UTC


def test_a_report_comes_decoded_also_when_its_lines_are_wrapped() -> None:
    assert read("GetCredentialReport", f"<Content>dXNlcixh\ncm4K\n</Content>{AT}")["Content"] == b"user,arn\n"


def test_members_that_nobody_knows_yet_are_passed_over() -> None:
    found = read("GetUser", f"<User>{USER}<Novelty><deep>1</deep></Novelty></User><More/>")
    assert found == {"User": {"Path": "/", "UserName": "ann"}}


def test_policies_are_passed_over_and_what_stands_beside_them_is_not() -> None:
    policies = "<UserPolicyList><member><PolicyName>p</PolicyName></member></UserPolicyList>"
    more = (
        "<GroupList><member>g</member></GroupList><Tags><member><Key>k</Key><Value></Value></member></Tags>"
    )
    found = read(
        "GetAccountAuthorizationDetails",
        f"<UserDetailList><member>{policies}{USER}{more}</member></UserDetailList><Policies/>",
    )
    user = {"Path": "/", "UserName": "ann", "GroupList": ["g"], "Tags": [{"Key": "k", "Value": ""}]}
    assert found == {"UserDetailList": [user]}


@pytest.mark.parametrize(
    ("action", "inner"),
    [
        ("ListAccessKeys", ""),
        ("ListAccessKeys", KEYS.replace("<AccessKeyId>AKIA1</AccessKeyId>", "")),
        ("ListAccessKeys", KEYS.replace("AKIA1", "")),
        ("ListAccessKeys", KEYS.replace("<Status>Active</Status>", "")),
        ("ListAccessKeys", KEYS.replace("2026-01-02T03:04:05Z", "")),
        ("ListAccessKeys", KEYS.replace("2026-01-02T03:04:05Z", "2026-01-02")),
        ("ListAccessKeys", KEYS.replace("2026-01-02T03:04:05Z", "1767323045")),
        ("ListAccessKeys", KEYS.replace("2026-01-02T03:04:05Z", "2026-13-02T03:04:05Z")),
        ("ListAccessKeys", KEYS.replace("false", "fal")),
        ("ListAccessKeys", KEYS.replace("false", "")),
        ("ListAccessKeys", KEYS.replace("member", "item")),
        ("ListAccessKeys", KEYS + KEYS),
        ("ListAccessKeys", KEYS.replace("AKIA1", "<b>AKIA1</b>")),
        ("ListAccessKeys", KEYS.replace(KEY, KEY + KEY)),
        ("ListAccessKeys", KEYS.replace("2026-01-02T03:04:05Z", "0001-01-01T00:00:00+23:59")),
        ("ListUserTags", "<Tags><member><Key>k</Key></member></Tags>"),
        ("ListUserTags", "<Tags><member><Key></Key><Value>v</Value></member></Tags>"),
        ("ListUsers", f"<Users><member>{USER}</member><member><Path>/</Path></member></Users>"),
        ("ListGroupsForUser", "<Groups><member><Path>/</Path></member></Groups>"),
        ("GetUser", "<User/>"),
        ("GetAccessKeyLastUsed", "<UserName>ann</UserName>"),
        ("GetAccessKeyLastUsed", "<AccessKeyLastUsed><LastUsedDate/></AccessKeyLastUsed>"),
        ("GetAccountAuthorizationDetails", "<IsTruncated>false</IsTruncated>"),
        ("GetAccountSummary", "<SummaryMap><entry><key>Users</key></entry></SummaryMap>"),
        ("GetAccountSummary", "<SummaryMap><entry><key>Users</key><value>x</value></entry></SummaryMap>"),
        ("GetAccountSummary", "<SummaryMap><entry><key>Users</key><value>1_0</value></entry></SummaryMap>"),
        ("GetAccountSummary", f"<SummaryMap>{2 * ENTRY}</SummaryMap>"),
        (
            "GetAccountSummary",
            f"<SummaryMap>{ENTRY.replace('<value>', '<key>Groups</key><value>')}</SummaryMap>",
        ),
        ("GetCredentialReport", AT),
        ("GetCredentialReport", "<Content>dXNlcg==</Content>"),
        ("GetCredentialReport", f"<Content>dXNlcg</Content>{AT}"),
        ("GetCredentialReport", f"<Content>dXNl!!!!cg==</Content>{AT}"),
        ("AssumeRole", GIVEN.replace("<SessionToken>t</SessionToken>", "")),
        ("AssumeRole", GIVEN.replace(SECRET, "")),
    ],
)
def test_what_lacks_a_part_or_has_an_odd_one_is_no_answer(action: str, inner: str) -> None:
    with pytest.raises(ResponseParserError):
        read(action, inner)


@pytest.mark.parametrize(("action", "inner"), [("ListAccessKeys", KEYS), ("AssumeRole", GIVEN)])
def test_an_answer_cut_anywhere_is_no_answer_and_is_not_quoted(action: str, inner: str) -> None:
    whole = result(action, inner).encode()
    reader = answer_reader(model(action))
    assert reader(whole)
    for end in range(len(whole)):
        with pytest.raises(ResponseParserError) as caught:
            reader(whole[:end])
        assert SECRET not in str(caught.value)


def test_another_operations_answer_is_none_of_this_one() -> None:
    with pytest.raises(ResponseParserError):
        answer_reader(model("ListUsers"))(result("ListAccessKeys", KEYS).encode())


def test_entities_do_not_grow_without_end() -> None:
    lines = [f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12)]
    bomb = f'<!DOCTYPE r [<!ENTITY e0 "ha">{"".join(lines)}]><r>&e11;</r>'
    with pytest.raises(ResponseParserError):
        read_error(bomb.encode())


@pytest.mark.parametrize("encoding", ["nowhere", "shift_jis", "utf-16"])
def test_an_encoding_that_is_not_the_bytes_own_is_no_answer(encoding: str) -> None:
    body = f'<?xml version="1.0" encoding="{encoding}"?>{result("ListAccessKeys", KEYS)}'
    with pytest.raises(ResponseParserError):
        answer_reader(model("ListAccessKeys"))(body.encode())


@pytest.mark.parametrize(
    "body",
    [
        "<ErrorResponse><Error><Code>Odd</Code><Message>a &amp; b</Message></Error></ErrorResponse>",
        "<Response><Errors><Error><Code>Odd</Code><Message>a &amp; b</Message></Error></Errors></Response>",
    ],
)
def test_a_refusal_has_awss_words(body: str) -> None:
    found = read_error(body.encode())
    assert (found["Code"], found["Message"]) == ("Odd", "a & b")


@pytest.mark.parametrize("body", ["", "<html/>", "<Error/>", "<Error><Code/></Error>", "no XML"])
def test_without_a_code_it_is_no_refusal(body: str) -> None:
    with pytest.raises(ResponseParserError):
        read_error(body.encode())
