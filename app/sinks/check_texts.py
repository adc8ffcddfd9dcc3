"""Finds what is wrong with a user's templates before a message needs them.

Each is compiled, its names are compared with what it is given, and it is rendered with samples of every kind.
"""

import json
import re
import threading
import traceback
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, TemplateSyntaxError, UndefinedError, meta, nodes

from app.model import Caller
from app.plan.notice import Notice
from app.plan.summary import RunSummary, SummaryRow
from app.sinks.given import GIVEN, NEVER_EMPTY, Given, Sample
from app.sinks.interface import Message
from app.sinks.texts import environment, loader

PATIENCE = 5.0  # seconds for all samples of one template: an endless loop must not hang the start
_NO_FIELD = re.compile(r"'(?:\w+\.)*(\w+) object' has no attribute '(\w+)'")
_KNOWN = {kind.__name__: kind for kind in (Notice, Message, Caller, RunSummary, SummaryRow)}


class TemplateFault(NamedTuple):
    """``line`` counts from 1; None where the file as a whole is meant."""

    file: str
    line: int | None
    message: str


def check_templates(
    folder: Path, patience: float = PATIENCE, given: Mapping[str, Given] = GIVEN
) -> list[TemplateFault]:
    """Every fault of the ``*.j2`` files in ``folder``, by name and line.

    Other files and subfolders are passed over: Kubernetes mounts hold some of its own, and what templates
    include or import from there is checked with them.
    """
    try:
        own = sorted(path for path in folder.iterdir() if path.suffix == ".j2" and path.is_file())
    except OSError as error:
        return [TemplateFault(str(folder), None, f"can't be read: {error.strerror}")]
    return [TemplateFault(str(path), *fault) for path in own for fault in _faults(path, patience, given)]


_Fault = tuple[int | None, str]


def _faults(path: Path, patience: float, given: Mapping[str, Given]) -> list[_Fault]:
    name = path.name.removesuffix(".j2")
    if name not in given:
        hint = _near(name, given) or f": there are {', '.join(sorted(given))}"
        return [(None, f"there is no template of this name{hint}")]
    made = environment(loader(path.parent))
    try:
        unknown = list(_unknown_names(made, path, given[name].names))
    except TemplateSyntaxError as error:
        return [(error.lineno, error.message or "can't be read")]
    except UnicodeDecodeError:
        return [(None, "is not UTF-8 text")]
    except OSError as error:
        return [(None, f"can't be read: {error.strerror}")]
    return sorted(unknown, key=lambda fault: fault[0] or 0) or _rendering(made, path, given[name], patience)


def _unknown_names(made: Environment, path: Path, given: Collection[str]) -> Iterator[_Fault]:
    """Also those in branches that no sample takes."""
    tree = made.parse(path.read_text("utf-8"), path.name, str(path))
    made.get_template(path.name)  # filters and tests that don't exist show only here
    names = list(tree.find_all(nodes.Name))
    own = {name.name for name in names if name.ctx != "load"}  # set in a branch: rendering will tell
    for word in meta.find_undeclared_variables(tree) - {*given, *made.globals, *own}:
        found = (name.lineno for name in names if name.name == word and name.ctx == "load")
        hint = _near(word, given)
        yield min(found), f'unknown name "{word}"{hint or ":"} it is given {", ".join(given)}'


def _rendering(made: Environment, path: Path, given: Given, patience: float) -> list[_Fault]:
    """The distinct faults of all samples, or that it takes too long."""
    found: list[_Fault] = []
    ended = _within(patience, lambda: found.extend(_of_samples(made, path, given)))
    return found if ended else [(None, f"takes more than {patience:g} s to render: is there a loop?")]


def _within(seconds: float, call: Callable[[], None]) -> bool:
    """Whether ``call`` ended in time. Python can't stop it: the process that refuses to start does."""
    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    thread.join(seconds)
    return not thread.is_alive()


def _of_samples(made: Environment, path: Path, given: Given) -> list[_Fault]:
    found: dict[_Fault, str] = {}
    for sample in given.samples():
        fault = _of_sample(made, path, sample)
        if fault:
            found.setdefault(fault, sample.label)
    return [(line, f"{message} (for {label})") for (line, message), label in found.items()]


def _of_sample(made: Environment, path: Path, sample: Sample) -> _Fault | None:
    try:
        text = made.get_template(path.name).render(sample.values)
    except Exception as error:  # a template can raise anything
        return _line(error, path), _sentence(error)
    said = _unfit(path.name.removesuffix(".j2"), text)
    return (None, said) if said else None


def _unfit(name: str, text: str) -> str:
    """Why what was rendered can't be sent; empty: it can."""
    if name in NEVER_EMPTY and not text.strip():
        return "renders to nothing, and something must be said"
    if name.endswith(".json"):
        try:
            json.loads(text)
        except ValueError as error:
            return f"renders to what is no JSON: {error}"
    return ""


def _line(error: Exception, path: Path) -> int | None:
    """Of this very file: Jinja2 rewrites the traceback so that it names templates."""
    frames = traceback.extract_tb(error.__traceback__)
    return next((frame.lineno for frame in reversed(frames) if frame.filename == str(path)), None)


def _sentence(error: Exception) -> str:
    missing = _NO_FIELD.search(str(error)) if isinstance(error, UndefinedError) else None
    if missing is None or missing[1] not in _KNOWN:
        return f"{type(error).__name__}: {error}"
    names = _names_of(_KNOWN[missing[1]])
    hint = _near(missing[2], names)
    return f'a {missing[1]} has no "{missing[2]}"{hint or ":"} it has {", ".join(names)}'


def _names_of(kind: Any) -> list[str]:
    return [field.name for field in fields(kind)]


def _near(word: str, words: Collection[str]) -> str:
    close = get_close_matches(word, words, n=1)
    return f', did you mean "{close[0]}"?' if close else ""
