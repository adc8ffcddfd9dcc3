"""The light markup of the templates: what becomes of it on Cloud and on Data Center."""

import json
from typing import Any

import pytest

from app.model import Caller
from app.sinks.jira import markup, text
from app.sinks.texts import Texts
from tests.fakes import adf
from tests.fakes.notices import NOW, a_notice, many

ODD = [
    "[~admin]",
    "{code}x{code}",
    "!http://evil.example/x.png!",
    "a|b",
    "* # `",
    "``",
    "``` `x",
    "h1. big",
    "@jane",
]


def node(kind: str, *content: Any, **more: Any) -> dict[str, Any]:
    return {"type": kind, **more, "content": list(content)}


def words(text: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": text, **more}


def item(text: str) -> dict[str, Any]:
    return node("listItem", node("paragraph", words(text)))


BREAK = {"type": "hardBreak"}
CODE = {"marks": [{"type": "code"}]}


@pytest.mark.parametrize(
    ("written", "blocks", "wiki"),
    [
        ("one line", [node("paragraph", words("one line"))], "one line"),
        ("one\ntwo", [node("paragraph", words("one"), BREAK, words("two"))], "one\ntwo"),
        ("one\n\n\n two", [node("paragraph", words("one")), node("paragraph", words("two"))], "one\n\ntwo"),
        ("* a\n* b", [node("bulletList", item("a"), item("b"))], "* a\n* b"),
        ("# a\n# b", [node("orderedList", item("a"), item("b"))], "# a\n# b"),
        ("How:\n# a", [node("paragraph", words("How:")), node("orderedList", item("a"))], "How:\n\n# a"),
        (
            "run `x --y` now",
            [node("paragraph", words("run "), words("x --y", **CODE), words(" now"))],
            r"run {{x \-\-y}} now",
        ),
        ("a ` alone", [node("paragraph", words("a ` alone"))], "a ` alone"),
        ("[~a] {b}", [node("paragraph", words("[~a] {b}"))], r"\[\~a\] \{b\}"),
        ("", [], ""),
    ],
)
def test_light_markup_becomes_a_document_or_wiki_text(
    written: str, blocks: list[dict[str, Any]], wiki: str
) -> None:
    assert markup.to_adf(written) == node("doc", *blocks, version=1)
    assert markup.to_wiki(written) == wiki


@pytest.mark.parametrize("odd", ODD)
def test_whatever_a_name_holds_the_document_is_valid_and_says_it(odd: str) -> None:
    callers = (Caller("203.0.113.7", odd, "s3", "eu-central-1", 3, NOW),)
    fields = dict.fromkeys(("user", "account", "reason", "headline", "last_used", "owner", "advice"), odd)
    for grouping in ("finding", "owner"):
        notices = [a_notice(callers=callers, **fields), a_notice(kind="done", **fields)]
        for told in (
            text.description(grouping, notices, Texts()),
            text.comment(grouping, notices, Texts()),
        ):
            assert adf.faults(markup.to_adf(told)) == []


@pytest.mark.parametrize("stage", ["final", "warn!", "a_b", "{x}", "[~b]", "a--b"])
@pytest.mark.parametrize("form", [markup.to_adf, markup.to_wiki])
def test_a_marker_is_found_again_in_a_document_and_in_wiki_text(stage: str, form: Any) -> None:
    notices = [a_notice(stage=stage), a_notice(stage=stage, finding_id="KS-B", occurrence=2)]
    body = form(text.comment("owner", notices, Texts()))
    assert text.markers(markup.lines(body)) == set(map(text.marker, notices))


def test_a_marker_is_found_behind_the_line_ends_of_windows() -> None:
    body = markup.to_wiki(text.comment("finding", [a_notice()], Texts())).replace("\n", "\r\n")
    assert text.markers(markup.lines(body)) == {text.marker(a_notice())}


@pytest.mark.parametrize("nothing", [None, "", {"type": "doc", "version": 1, "content": []}])
def test_an_empty_description_says_nothing(nothing: Any) -> None:
    assert markup.lines(nothing) == ()


def test_what_a_person_wrote_stays_when_something_is_put_behind_it() -> None:
    theirs = {"type": "doc", "version": 1, "content": [{"type": "rule"}]}
    assert markup.appended(theirs, "* x", cloud=True) == {
        **theirs,
        "content": [{"type": "rule"}, node("bulletList", item("x"))],
    }
    assert markup.appended("h1. Mine", "* x", cloud=False) == "h1. Mine\n\n* x"
    assert markup.appended(None, "* x", cloud=False) == "* x"
    assert markup.appended(None, "* x", cloud=True) == markup.to_adf("* x")


def test_a_description_says_everything_an_owner_needs() -> None:
    callers = (Caller("203.0.113.7", "aws-cli/2.15", "s3", "eu-central-1", 3, NOW),)
    told = text.description("finding", [a_notice(callers=callers, advice="Use a role.")], Texts())
    assert told.split("\n\n") == [
        "Rotate key …WXYZ of ci-deploy in prod: it will be deactivated on 27 Nov 2026",
        "It is 92 days old; the policy allows 90.",
        "* Will be deactivated: Fri 27 Nov 2026\n* Key: …WXYZ (Active)\n* User: ci-deploy\n"
        "* Account: prod (111122223333)\n* Age: 92 days, since Thu 20 Aug 2026\n"
        "* Last used: 2 h ago by s3 in eu-central-1\n* Owner: jane@example.com (tag owner)",
        "Who uses it:\n* 203.0.113.7 · aws-cli/2.15 · s3 in eu-central-1 · 3 calls, last Fri 20 Nov 2026",
        "Use a role.",
        "How to rotate:\n# Create a second key\n# Move the workload to it\n# Delete the old key",
        "Keysteward KS-ABCDEFGHIJ e1 final/1",
    ]


CLOSED = "This ticket was closed, but the key is still Active and still against the policy."


@pytest.mark.parametrize(
    ("changes", "said", "unsaid"),
    [
        ({}, ["Last used: 2 h ago", "It is 92 days old"], ["closed", "Undo"]),
        ({"stage": "ticket-closed"}, [CLOSED, "the ladder goes on"], []),
        (
            {"kind": "done", "act": "deactivate"},
            ['Undo it with: `keysteward restore KS-ABCDEFGHIJ --reason "…"`'],
            ["Last used"],
        ),
        (
            {"kind": "resolved", "stage": "resolved", "headline": "Resolved: gone"},
            ["Resolved: gone"],
            ["92 days"],
        ),
    ],
)
def test_a_comment_says_what_is_new(changes: dict[str, Any], said: list[str], unsaid: list[str]) -> None:
    told = text.comment("finding", [a_notice(**changes)], Texts())
    assert [words for words in said if words not in told] == []
    assert [words for words in unsaid if words in told] == []


def test_a_comment_on_many_names_each_key() -> None:
    told = text.comment("owner", many(3), Texts())
    assert [number for number in range(3) if f"* KS-{number:010d}: Rotate key" not in told] == []


@pytest.mark.parametrize(("siblings", "said"), [(0, ""), (1, "1 other key is"), (3, "3 other keys are")])
def test_a_resolved_key_of_many_says_how_many_remain(siblings: int, said: str) -> None:
    told = text.comment("owner", [a_notice(kind="resolved", siblings=siblings)], Texts())
    assert ("still open on this ticket" in told) is bool(said)
    assert said in told


def test_the_longest_texts_stay_inside_jiras_limit() -> None:
    callers = tuple(Caller("203.0.113.7", "x" * 300, "s3", "eu-central-1", 3, NOW) for _ in range(20))
    notices = many(text.ROWS, headline="h" * 300, reason="r" * 300, advice="a" * 600, callers=callers)
    for told in (text.description("owner", notices, Texts()), text.comment("owner", notices, Texts())):
        assert len(markup.to_wiki(told)) < 32_767
        assert len(json.dumps(markup.to_adf(told), ensure_ascii=False)) < 32_767
    assert len(markup.to_wiki(text.description("finding", notices[:1], Texts()))) < 32_767
