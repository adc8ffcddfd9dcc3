"""AWS's answers in XML, in the signed lane: what is not whole must not be read as less.

What AWS itself leaves out as a whole (a member of a list that was never written) nobody can see; everything
else that an answer loses on its way shows.
"""

from base64 import b64encode
from collections.abc import Callable, Mapping
from functools import cache, partial
from itertools import count, takewhile
from typing import Any
from xml.etree import ElementTree

import botocore.session
import pytest
from botocore.credentials import ReadOnlyCredentials
from botocore.parsers import ResponseParserError
from hypothesis import strategies as st

from app.errors import KeystewardError
from app.inventory.answers import answer_reader, read_error
from app.inventory.api import Api
from app.inventory.signed import HOT
from app.inventory.traits import traits_of_all
from tests.fakes.clock import Sleeper
from tests.fakes.wire import ScriptedWire, scripted_api
from tests.fakes.wires import result
from tests.fuzz import texts
from tests.fuzz.attack import attack, each_effort, tried

LAST_PAGE = "<IsTruncated>false</IsTruncated>"
WHEN = "2026-01-02T03:04:05Z"
REPORT = b64encode(b"user,arn\nann,arn:aws:iam::111122223333:user/ann\n").decode()


def listed(name: str, *members: str, marker: str = "") -> str:
    rest = (
        f"<IsTruncated>true</IsTruncated><Marker>{marker}</Marker>"
        if marker
        else "<IsTruncated>false</IsTruncated>"
    )
    return f"<{name}>{''.join(f'<member>{member}</member>' for member in members)}</{name}>{rest}"


def key(tail: str, status: str = "Active") -> str:
    return (
        f"<UserName>ann</UserName><AccessKeyId>AKIAEXAMPLE00000{tail}</AccessKeyId><Status>{status}</Status>"
        f"<CreateDate>{WHEN}</CreateDate>"
    )


def user(name: str) -> str:
    return f"<Path>/</Path><UserName>{name}</UserName><UserId>AIDA1</UserId><CreateDate>{WHEN}</CreateDate>"


TAGS = (
    "<Tags><member><Key>owner</Key><Value>ann@example.com</Value></member>"
    "<member><Key>k</Key><Value/></member></Tags>"
)
GROUPS = "<GroupList><member>ops</member><member>dev</member></GroupList>"
FIRST = listed("AccessKeyMetadata", key("0001"), key("0002", "Inactive"), marker="more")
LAST = listed("AccessKeyMetadata", key("0003"))
INNER: Mapping[str, str] = {
    "AssumeRole": "<Credentials><AccessKeyId>ASIA1</AccessKeyId><SecretAccessKey>s</SecretAccessKey>"
    f"<SessionToken>t</SessionToken><Expiration>{WHEN}</Expiration></Credentials>",
    "GenerateCredentialReport": "<State>STARTED</State><Description>no report</Description>",
    "GetCredentialReport": f"<Content>{REPORT}</Content><GeneratedTime>{WHEN}</GeneratedTime>",
    "GetAccountAuthorizationDetails": listed(
        "UserDetailList", user("ann") + GROUPS + TAGS, user("bob") + GROUPS
    ),
    "ListAccessKeys": FIRST,
    "GetAccessKeyLastUsed": "<UserName>ann</UserName><AccessKeyLastUsed><Region>N/A</Region>"
    f"<ServiceName>s3</ServiceName><LastUsedDate>{WHEN}</LastUsedDate></AccessKeyLastUsed>",
    "ListUsers": listed("Users", user("ann"), user("bob"), marker="more"),
    "GetUser": f"<User>{user('ann')}</User>",
    "ListUserTags": TAGS + "<IsTruncated>false</IsTruncated>",
    "ListGroupsForUser": listed("Groups", "<GroupName>ops</GroupName><Path>/</Path>"),
    "ListPolicies": listed(
        "Policies", "<PolicyName>ReadOnlyAccess</PolicyName><Arn>arn:aws:iam::aws:policy/ReadOnlyAccess</Arn>"
    ),
    "GetAccountSummary": "<SummaryMap><entry><key>Users</key><value>2</value></entry>"
    "<entry><key>AccountAccessKeysPresent</key><value>1</value></entry></SummaryMap>",
}
ERROR = (
    "<ErrorResponse><Error><Type>Sender</Type><Code>Throttling</Code><Message>Rate exceeded</Message>"
    "</Error></ErrorResponse>"
)


def test_every_hot_operation_is_attacked() -> None:
    assert set(INNER) == {*HOT["iam"], *HOT["sts"]}


@cache
def reader(action: str) -> Callable[[bytes], dict[str, Any]]:
    service = "sts" if action == "AssumeRole" else "iam"
    model: Any = botocore.session.Session().get_service_model(service).operation_model(action)
    return answer_reader(model)


# --- changes to texts ------------------------------------------------------------------------------------

BODIES = {action: result(action, inner) for action, inner in INNER.items()}
DECLARED = {action: f'<?xml version="1.0" encoding="UTF-8"?>\n{body}' for action, body in BODIES.items()}


def recode(draw: st.DrawFn, text: str) -> str:
    """Another encoding than the bytes have."""
    name = draw(st.sampled_from(("utf-16", "shift_jis", "ebcdic-nowhere", "utf-7", "idna", "x" * 500)))
    return text.replace("UTF-8", name)


def redate(draw: st.DrawFn, text: str) -> str:
    odd = ("0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "2026-02-30T00:00:00Z", "1767323045", "")
    return text.replace(WHEN, draw(st.sampled_from(odd)), 1)


ACTIONS = st.sampled_from(sorted(INNER))
SPOILED = {action: texts.spoiled((BODIES[action], DECLARED[action]), recode, redate) for action in INNER}


@each_effort
def test_an_answer_is_read_or_refused_by_the_sdks_own_error(examples: int) -> None:
    attack(ACTIONS.flatmap(lambda action: st.tuples(st.just(action), SPOILED[action])), check, examples)


def check(given: tuple[str, str]) -> None:
    action, body = given
    found, words = tried(lambda: reader(action)(texts.as_bytes(body)), ResponseParserError)
    if found is None:
        assert words.startswith("the answer can't be read: ")
        assert len(words) < 100
    elif action == "ListAccessKeys" and "<!" not in body:
        inside = body.partition("<AccessKeyMetadata>")[2].partition("</AccessKeyMetadata>")[0]
        assert len(found["AccessKeyMetadata"]) == inside.count("<AccessKeyId>")


@each_effort
def test_a_refusal_is_read_or_refused_by_the_sdks_own_error(examples: int) -> None:
    attack(
        texts.spoiled((ERROR, f'<?xml version="1.0" encoding="UTF-8"?>{ERROR}'), recode), refused, examples
    )


def refused(body: str) -> None:
    found, _ = tried(lambda: read_error(texts.as_bytes(body)), ResponseParserError)
    assert found is None or found["Code"]


# --- what is lost ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("action", INNER)
def test_an_answer_that_is_cut_short_anywhere_is_never_read(action: str) -> None:
    """A credential report too: it travels inside of one."""
    body = DECLARED[action].encode()
    for end in range(len(body)):
        with pytest.raises(ResponseParserError):
            reader(action)(body[:end])


class _Pages(ScriptedWire):
    """Of a listing in two pages; the first comes as it is given."""

    def __init__(self, action: str, first: str, last: str) -> None:
        super().__init__()
        self._action, self._first, self._last = action, first, last

    def send(
        self, operation: str, params: Mapping[str, object], credentials: ReadOnlyCredentials
    ) -> Mapping[str, Any]:
        body = self._last if params.get("Marker") == "more" else self._first
        return reader(self._action)(texts.as_bytes(body))


def without_an_element(number: int, way: str) -> str | None:
    """The first page without one of its elements, any but a whole key; None: there are no so many."""
    root = ElementTree.fromstring(BODIES["ListAccessKeys"])
    parents = {child: parent for parent in root.iter() for child in parent}
    elements = [child for child in parents if way != "lost" or not child.tag.endswith("member")]
    if number >= len(elements):
        return None
    element = elements[number]
    if way == "renamed":
        element.tag = "another"
    else:
        parents[element].extend(list(element) if way == "unwrapped" else ())
        parents[element].remove(element)
    return ElementTree.tostring(root, encoding="unicode")


def keys_of(api: Api) -> list[str]:
    return [each["AccessKeyId"] for each in api.pages("list_access_keys", "AccessKeyMetadata")]


@pytest.mark.parametrize("way", ["lost", "renamed", "unwrapped"])
def test_a_listing_that_lost_any_one_element_never_has_fewer_keys(way: str) -> None:
    whole = [f"AKIAEXAMPLE00000000{n}" for n in (1, 2, 3)]
    spoiled = list(takewhile(bool, (without_an_element(n, way) for n in count())))
    assert len(spoiled) > 10
    for first in filter(None, spoiled):
        api = scripted_api(_Pages("ListAccessKeys", first, result("ListAccessKeys", LAST)), Sleeper())
        found, _ = tried(partial(keys_of, api), KeystewardError)
        assert found in (None, whole)


@each_effort
def test_users_tags_and_groups_are_read_whole_or_their_account_fails_in_words(examples: int) -> None:
    action = "GetAccountAuthorizationDetails"

    def details(first: str) -> None:
        api = scripted_api(_Pages(action, first, result(action, listed("UserDetailList"))), Sleeper())
        found, words = tried(lambda: traits_of_all(api), KeystewardError)
        assert found is None or all(traits.groups is not None for traits in found.values())
        assert words.isprintable()

    attack(SPOILED[action], details, examples // 5)
