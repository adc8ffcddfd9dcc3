"""The bodies: rendered from templates, checked, and completed with what no template may see."""

import json
from typing import Any

from app.errors import Permanent
from app.sinks.posts import Post, cards, envelope
from app.sinks.texts import Texts
from app.sinks.webhook.settings import Format


def body(form: Format, post: Post, texts: Texts, api_key: str) -> bytes:
    """The body to send, as UTF-8. Raises `Permanent` when a template of the user's makes no JSON object."""
    content = _rendered(f"webhook_{form}.json", post, texts)
    if form == "pagerduty":
        content["routing_key"] = api_key
    return json.dumps(content, ensure_ascii=False).encode()


def _rendered(template: str, post: Post, texts: Texts) -> dict[str, Any]:
    text = texts.render(template, **post_values(post, texts))
    try:
        content = json.loads(text)
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise Permanent(f"the template {template}.j2 makes no JSON object: mend it (use the filter json)")
    return content


def post_values(post: Post, texts: Texts) -> dict[str, Any]:
    """What the templates of bodies are handed."""
    return {
        "event": post.event,
        "envelope": envelope(post, texts),
        "notice": post.notices[0] if post.notices else None,
        "cards": cards(post, texts),
        "title": texts.title(post.message) if post.message else "",
        "run": post.run,
    }


def address(form: Format, url: str, post: Post) -> str:
    """Where to post: Opsgenie closes an alert under another path."""
    if form != "opsgenie" or post.event != "resolved":
        return url
    return f"{url.rstrip('/')}/{post.notices[0].finding_id}/close?identifierType=alias"
