"""What each template is handed: the one table, by which templates are checked and documented."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain, product
from typing import Any

from app.sinks.samples import NOW, messages, notices, summaries
from app.sinks.texts import Texts, of_message

# A message without these would be refused, or be a riddle.
NEVER_EMPTY = frozenset({"title", "headline", "mail_subject", "jira_summary"})


@dataclass(frozen=True, slots=True)
class Sample:
    """``label`` says in a fault what was rendered: "a warning that names no date"."""

    label: str
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Given:
    """What a kind of template is handed: the names it may use, and samples with exactly these names."""

    kind: str  # as docs/templates.md calls it
    names: tuple[str, ...]
    samples: Callable[[], Iterator[Sample]]


def _each_notice() -> Iterator[Sample]:
    return (Sample(label, {"notice": notice}) for label, notice in notices().items())


def _each_message() -> Iterator[Sample]:
    return (Sample(label, of_message(message)) for label, message in messages().items())


def _each_summary() -> Iterator[Sample]:
    return (Sample(label, {"summary": summary}) for label, summary in summaries().items())


def _each_notice_at() -> Iterator[Sample]:
    return (Sample(label, {"notice": notice, "now": NOW}) for label, notice in notices().items())


def _each_mail() -> Iterator[Sample]:
    from app.sinks.email.text import mail_values  # only who checks or documents templates needs it

    texts = Texts()
    return (Sample(label, mail_values(message, texts)) for label, message in messages().items())


def _each_report() -> Iterator[Sample]:
    from app.sinks.email.report import report_values

    values = ((label, report_values(s, "Keysteward run", "run.json")) for label, s in summaries().items())
    return (Sample(label, given) for label, given in values)


def _each_row() -> Iterator[Sample]:
    return (
        Sample(f"{row.what} in {label}", {"row": row}) for label, s in summaries().items() for row in s.rows
    )


def _each_button() -> Iterator[Sample]:
    actions = ("rotated", "snooze", "not_mine", "restore", "confirm", "cancel")
    return (
        Sample(f"{action} of {label}", {"action": action, "notice": notice})
        for label, notice in notices().items()
        for action in actions
    )


def _each_alert() -> Iterator[Sample]:
    from app.sinks.posts import Post, closing
    from app.sinks.webhook.presets import post_values

    texts = Texts()
    posts = {label: Post("notice", message) for label, message in messages().items()}
    posts |= {f"the end of {label}": closing(notice, NOW) for label, notice in notices().items()}
    return (Sample(label, post_values(post, texts)) for label, post in posts.items())


def _each_post() -> Iterator[Sample]:
    from app.sinks.posts import Post
    from app.sinks.webhook.presets import post_values

    runs = ((label, Post("run", run=summary)) for label, summary in summaries().items())
    return chain(_each_alert(), (Sample(label, post_values(run, Texts())) for label, run in runs))


def _each_ticket() -> Iterator[Sample]:
    for (label, message), grouping in product(messages().items(), ("finding", "owner", "account")):
        some = message.notices
        values = {"notice": some[0], "notices": some, "grouping": grouping}
        yield Sample(f"{label}, tickets by {grouping}", values)


def _each_addition() -> Iterator[Sample]:
    return (Sample(label, {"notices": m.notices, "now": NOW}) for label, m in messages().items())


def _each_move() -> Iterator[Sample]:
    return (Sample(label, {"notice": notice, "to": "SEC-124"}) for label, notice in notices().items())


NOTICE = Given("notice", ("notice",), _each_notice)
MESSAGE = Given("message", ("message", "notices", "notice"), _each_message)
SUMMARY = Given("summary", ("summary",), _each_summary)
MOMENT = Given("moment", ("notice", "now"), _each_notice_at)
MAIL = Given("mail", ("message", "title", "summary", "why_you", "cards", "rest", "steps"), _each_mail)
REPORT = Given("report", ("summary", "subject", "file"), _each_report)
TICKET = Given("ticket", ("notice", "notices", "grouping"), _each_ticket)
ADDITION = Given("addition", ("notices", "now"), _each_addition)
MOVE = Given("move", ("notice", "to"), _each_move)
ROW = Given("row", ("row",), _each_row)
ALERT = Given("alert", ("event", "envelope", "notice", "cards", "title", "run"), _each_alert)
POST = Given("post", ("event", "envelope", "notice", "cards", "title", "run"), _each_post)
BUTTON = Given("button", ("action", "notice"), _each_button)

# Template (without .j2) -> what it is handed.
GIVEN: Mapping[str, Given] = {
    "title": MESSAGE,
    "summary": MESSAGE,
    "fallback": MESSAGE,
    "headline": NOTICE,
    "reason": NOTICE,
    "facts": NOTICE,
    "callers": NOTICE,
    "advice": NOTICE,
    "steps": NOTICE,
    "undo": NOTICE,
    "mail_subject": MESSAGE,
    "mail.txt": MAIL,
    "mail.html": MAIL,
    "mail_headline": NOTICE,
    "mail_todo": NOTICE,
    "mail_when": MOMENT,
    "mail_facts": NOTICE,
    "report_subject": SUMMARY,
    "report.txt": REPORT,
    "report.html": REPORT,
    "slack_button": BUTTON,
    "slack_confirm": NOTICE,
    "slack_report_title": SUMMARY,
    "slack_report_run": SUMMARY,
    "slack_report_facts": SUMMARY,
    "slack_report_row": ROW,
    "webhook_keysteward.json": POST,
    "webhook_opsgenie.json": ALERT,
    "webhook_pagerduty.json": ALERT,
    "webhook_teams.json": POST,
    "jira_summary": TICKET,
    "jira_description": TICKET,
    "jira_comment": TICKET,
    "jira_row": NOTICE,
    "jira_added": ADDITION,
    "jira_moved": MOVE,
}
