"""What each template is handed: the one table, by which templates are checked and documented."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from app.sinks.samples import messages, notices, summaries
from app.sinks.texts import of_message

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


NOTICE = Given("notice", ("notice",), _each_notice)
MESSAGE = Given("message", ("message", "notices", "notice"), _each_message)
SUMMARY = Given("summary", ("summary",), _each_summary)

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
    "jira_summary": NOTICE,
}
