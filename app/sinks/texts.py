"""Every text that people read, from Jinja2 templates: the built-in ones, and the user's in their place.

The environment is sandboxed and strict: a template sees the notice and nothing else, and a name that
doesn't exist is an error, which `check-config` finds. At night a template that breaks all the same gives way
to the built-in one, for a plain notice beats none. Each sink escapes what it is given: a template writes
text, not markup (but for `mail.html.j2`, whose values are escaped as HTML).
"""

import json
import logging
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import (
    BaseLoader,
    ChoiceLoader,
    DictLoader,
    Environment,
    FileSystemLoader,
    PackageLoader,
    StrictUndefined,
)
from jinja2.exceptions import SecurityError, TemplateSyntaxError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from app.errors import ConfigError
from app.model import redact
from app.plan.notice import Notice
from app.sinks import wording
from app.sinks.interface import Message

log = logging.getLogger(__name__)

BUILT_IN = Path(__file__).with_name("templates")


class Texts:
    """Renders templates by name. ``folder`` holds the user's own; None: only the built-in ones.

    It is read once: an edited template is checked and comes into force with the config (`service/reload.py`).
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._own = environment(_as_it_stands(folder))
        self._built_in = environment(loader(None))
        self._broken: set[str] = set()

    def render(self, name: str, **values: Any) -> str:
        """``name`` without ``.j2``. Trailing white space is cut; key ids are masked."""
        try:
            text = self._own.get_template(f"{name}.j2").render(values)
        except Exception as error:  # whatever a template does, somebody is told
            self._complain(name, error)
            text = self._built_in.get_template(f"{name}.j2").render(values)
        return redact(text).strip()

    def _complain(self, name: str, error: Exception) -> None:
        if name not in self._broken:
            self._broken.add(name)
            log.error("template %s.j2 failed (%s): the built-in one is used", name, type(error).__name__)

    def render_string(self, source: str, **values: Any) -> str:
        """A template from the config. Raises `ConfigError` when it fails: there is no other in its place."""
        try:
            return redact(self._own.from_string(source).render(values)).strip()
        except Exception as error:  # whatever a template does
            raise ConfigError(f"its template failed ({type(error).__name__}: {redact(str(error))})") from None

    def line(self, name: str, **values: Any) -> str:
        """One line, without line breaks and runs of spaces."""
        return wording.plain(self.render(name, **values))

    def lines(self, name: str, **values: Any) -> tuple[str, ...]:
        """One text a line; empty lines are dropped."""
        found = map(wording.plain, self.render(name, **values).splitlines())
        return tuple(filter(None, found))

    # --- the texts that sinks share ---------------------------------------------------------------

    def title(self, message: Message) -> str:
        """The one line that a phone shows first."""
        return self.line("title", **of_message(message))

    def summary(self, message: Message) -> str:
        """What a digest holds, in one line."""
        return self.line("summary", **of_message(message))

    def why_you(self, message: Message) -> str:
        """Why a fallback gets what is somebody else's; empty for the owner."""
        return self.line("fallback", **of_message(message))

    def headline(self, notice: Notice) -> str:
        return self.line("headline", notice=notice)

    def reason(self, notice: Notice) -> str:
        return self.line("reason", notice=notice)

    def facts(self, notice: Notice, name: str = "facts") -> list[tuple[str, str]]:
        """The evidence, as labels and values, the most telling first; a line without a colon has no label."""
        found = (line.partition(": ") for line in self.lines(name, notice=notice))
        return [(label, value) if value else ("", label) for label, _, value in found]

    def callers(self, notice: Notice) -> tuple[str, ...]:
        """Who uses the key, one line each; empty when it isn't known."""
        return self.lines("callers", notice=notice)

    def advice(self, notice: Notice) -> str:
        return self.line("advice", notice=notice)

    def steps(self, notices: Sequence[Notice]) -> tuple[str, ...]:
        """How to rotate: said once, for the first notice that asks for it."""
        asking = next((n for n in notices if n.kind == "warning" and n.steps), None)
        return self.lines("steps", notice=asking) if asking else ()

    def undo(self, notice: Notice) -> str:
        """How to take a deactivation back; empty when there is nothing to take back."""
        return self.line("undo", notice=notice)


def syntax_fault(source: str) -> str:
    """What is wrong with a template that stands in the config itself; empty when it can be read."""
    try:
        environment(None).parse(source)
    except TemplateSyntaxError as error:
        return str(error)
    return ""


def of_message(message: Message) -> dict[str, Any]:
    """The names of a template that speaks of a whole message."""
    return {"message": message, "notices": message.notices, "notice": message.notices[0]}


class _Sandbox(ImmutableSandboxedEnvironment):
    """Jinja2's, without what only serves to fill the memory: powers, and texts times a number."""

    intercepted_binops = frozenset({"*", "**"})

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if operator == "**" or not (isinstance(left, int | float) and isinstance(right, int | float)):
            raise SecurityError(f"{operator} is not for templates, but for * between numbers")
        return super().call_binop(context, operator, left, right)


def loader(folder: Path | None) -> BaseLoader:
    """The user's folder, and behind it the built-in templates."""
    own = [FileSystemLoader(folder)] if folder else []
    return ChoiceLoader([*own, PackageLoader("app.sinks", "templates")])


def _as_it_stands(folder: Path | None) -> BaseLoader:
    """`loader` with what is in ``folder`` now. What isn't text is passed over, as if it weren't there."""
    if folder is None:
        return loader(None)
    found = {}
    for name in FileSystemLoader(folder).list_templates():
        with suppress(OSError, UnicodeDecodeError):
            found[name] = (folder / name).read_text(encoding="utf-8")
    return ChoiceLoader([DictLoader(found), loader(None)])


def environment(source: BaseLoader | None) -> Environment:
    """Strict and sandboxed: templates can read what they are given, and change and call nothing."""
    made = _Sandbox(
        loader=source,
        undefined=StrictUndefined,
        autoescape=lambda name: bool(name and name.endswith(".html.j2")),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=False,
    )
    made.filters |= FILTERS
    for name in ("range", "lipsum"):  # loops over anything but what is given, and filler
        del made.globals[name]
    return made


def _place(notice: Notice) -> str:
    """``prod (111122223333)``, or the bare id when that is all there is."""
    return wording.account(notice)


def _as_json(value: Any) -> str:
    """JSON that is data in any context: for bodies of webhooks."""
    plain: Any = dict(value) if isinstance(value, Mapping) else value
    return json.dumps(plain, ensure_ascii=False, default=_json_default)


def _json_default(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else str(value)


FILTERS: dict[str, Any] = {
    "day": wording.day,
    "place": _place,
    "clip": wording.clip,
    "act_line": lambda notice: wording.act_line(notice),
    "json": _as_json,
}
