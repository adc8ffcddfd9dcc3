"""Markup as HTML: what Slack and Jira would draw, and nothing that runs."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest

from app.sinks.preview.adf import adf
from app.sinks.preview.jira import Ticket, jira_page
from app.sinks.preview.mrkdwn import mrkdwn, plain_text
from app.sinks.preview.slack import draw, slack_page
from app.sinks.preview.wiki import wiki
from app.sinks.samples import messages
from app.sinks.slack.blocks import pages
from app.sinks.texts import Texts

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("*bold* and _slant_ and ~gone~", "<b>bold</b> and <i>slant</i> and <s>gone</s>"),
        ("`a *b* c`", "<code>a *b* c</code>"),
        ("*see `x` :key:*", "<b>see <code>x</code> 🔑</b>"),
        ("ci_deploy_x a*b*c 10:30:00", "ci_deploy_x a*b*c 10:30:00"),
        ("&lt;script&gt; &amp;amp;", "&lt;script&gt; &amp;amp;"),
        ('"quoted" <nothing', "&quot;quoted&quot; &lt;nothing"),
        (
            "<https://x.org/?a=1&amp;b=2|the *docs*>",
            '<a href="https://x.org/?a=1&amp;b=2" rel="noreferrer">the *docs*</a>',
        ),
        ("<javascript:alert(1)|go>", "go"),
        ("<!date^1^{date}|27 Nov>", '<span class="mention">27 Nov</span>'),
        ("<@U123>", '<span class="mention">@U123</span>'),
        ("&gt; said\nthen", '<span class="quote">said</span><br>then'),
        ("```a\n<b```", "<pre>a<br>&lt;b</pre>"),
        (":no_such_name:", ":no_such_name:"),
    ],
)
def test_mrkdwn(text: str, html: str) -> None:
    assert mrkdwn(text) == html


def test_plain_text_draws_emoji_only_when_asked() -> None:
    assert plain_text("*a* :key: <b>", True) == "*a* 🔑 &lt;b&gt;"
    assert plain_text(":key:", False) == ":key:"


@pytest.mark.parametrize("label", messages())
def test_every_block_that_slack_is_sent_is_drawn(label: str) -> None:
    posts = [page.blocks for page in pages(messages()[label], Texts())]
    html = slack_page(posts, NOW, None, None)
    assert "not drawn here" not in html
    assert re.findall(r":[a-z_]{3,}:", html.partition("</style>")[2]) == []


def test_buttons_and_menus_are_drawn() -> None:
    text = {"type": "plain_text", "text": "Not <mine>"}
    button = {"type": "button", "text": text, "style": "danger"}
    menu = {"type": "overflow", "options": [{"text": text, "value": "1"}, {"text": text, "value": "2"}]}
    html = draw({"type": "actions", "elements": [button, menu]})
    assert '<span class="button danger">Not &lt;mine&gt;</span>' in html
    assert html.count("Not &lt;mine&gt;") == 3


def test_what_is_not_drawn_is_named() -> None:
    assert "video: not drawn here" in draw({"type": "video"})


def test_replies_are_shown_below_their_message() -> None:
    blocks: list[dict[str, Any]] = [{"type": "divider"}]
    assert "2 replies" in slack_page([blocks, blocks, blocks], NOW, "<b>", ":key:")
    assert "&lt;b&gt;" in slack_page([blocks], NOW, "<b>", ":key:")


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("a *b* {{c}}\nd", "<p>a <b>b</b> <code>c</code><br>d</p>"),
        ("How:\n# one\n# two", "<p>How:</p><ol><li>one</li><li>two</li></ol>"),
        ("* a: b\n* c", "<ul><li>a: b</li><li>c</li></ul>"),
        ("h3. Why", "<h3>Why</h3>"),
        ("----", "<hr>"),
        (r"\[~user\] \{x\} \*", "<p>[~user] {x} *</p>"),
        ("[docs|https://x.org]", '<p><a href="https://x.org" rel="noreferrer">docs</a></p>'),
        ("[docs|javascript:x]", "<p>docs</p>"),
        ("a\n\n{code}\n<b> *c*\n{code}", "<p>a</p><pre>&lt;b&gt; *c*\n</pre>"),
        ("<script>", "<p>&lt;script&gt;</p>"),
    ],
)
def test_wiki_text(text: str, html: str) -> None:
    assert wiki(text) == html


def text_node(text: str, *marks: dict[str, Any]) -> dict[str, Any]:
    return {"type": "text", "text": text, "marks": list(marks)}


@pytest.mark.parametrize(
    ("node", "html"),
    [
        (text_node("<b>"), "&lt;b&gt;"),
        (text_node("x", {"type": "strong"}, {"type": "code"}), "<code><b>x</b></code>"),
        (text_node("x", {"type": "link", "attrs": {"href": "javascript:x"}}), "x"),
        ({"type": "heading", "attrs": {"level": 2}, "content": [text_node("x")]}, "<h2>x</h2>"),
        ({"type": "bulletList", "content": [{"type": "listItem", "content": []}]}, "<ul><li></li></ul>"),
        ({"type": "panel", "attrs": {"panelType": "note"}, "content": []}, '<div class="panel note"></div>'),
        ({"type": "rule"}, "<hr>"),
        ({"type": "unheard-of", "content": [text_node("x")]}, "x"),
    ],
)
def test_a_document(node: dict[str, Any], html: str) -> None:
    assert adf(node) == html


def test_a_ticket_shows_its_fields_and_its_comment() -> None:
    ticket = Ticket("SEC-1", "Task", "<s>", "a *b*", "", ["x"], {"Due date": "27 Nov"}, True, adf_comment())
    html = jira_page(ticket, NOW)
    for part in ("&lt;s&gt;", "<b>b</b>", "Unassigned", "27 Nov", "DONE", "<p>said</p>", "SEC / SEC-1"):
        assert part in html


def adf_comment() -> dict[str, Any]:
    paragraph = {"type": "paragraph", "content": [text_node("said")]}
    return {"type": "doc", "version": 1, "content": [paragraph]}
