"""A strict YAML reader that remembers the line of every key.

Stricter than YAML 1.1 where that has hurt people: only true and false are booleans, a number with a
leading zero or of twelve digits stays text (an account id), a duplicate key is an error, and a tag can't
build anything. Input is bounded in size, depth and alias expansion, so no file can hang the service.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import yaml

LARGEST_FILE = 1 << 20  # bytes
_DEEPEST = 40  # levels
_MOST_NODES = 100_000  # after aliases are expanded

Path = tuple[str | int, ...]
Value = str | int | float | bool | list["Value"] | dict[str, "Value"] | None

_INT = re.compile(r"[-+]?(?:0|[1-9]\d{0,10})", re.ASCII)
_FLOAT = re.compile(r"[-+]?\d{1,15}\.\d{1,15}", re.ASCII)
_WORDS: Mapping[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_STR = "tag:yaml.org,2002:str"
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class YamlFault(Exception):
    """The text can't be read at all: ``line`` counts from 1."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line, self.message = line, message


@dataclass
class Document:
    """A mapping, the line of each path in it, and the faults that didn't stop the reading."""

    value: dict[str, Value]
    lines: dict[Path, int] = field(default_factory=dict)
    faults: list[tuple[int, Path, str]] = field(default_factory=list)

    def line(self, path: Path) -> int:
        """The line of ``path``, or of the nearest thing around it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


def read_yaml(text: str) -> Document:
    """Reads one document whose top is a mapping. Raises `YamlFault`."""
    try:
        return _Reader(yaml.parse(text, Loader=_Loader)).document()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise YamlFault(line, f"not valid YAML: {error.problem or 'syntax error'}") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, max(error.position, 0)) + 1
        raise YamlFault(line, "not valid YAML: a control character") from None
    except (yaml.YAMLError, ValueError, UnicodeError):
        raise YamlFault(1, "not valid YAML") from None


class _Reader:
    """Builds values straight from the parser's events: one pass, with paths known on the way."""

    def __init__(self, events: Iterator[yaml.Event]) -> None:
        self._events = events
        self._anchors: dict[str, tuple[Value, int]] = {}
        self._nodes = 0
        self._document = Document({})

    def document(self) -> Document:
        next(self._events)  # the stream's start
        if isinstance(next(self._events), yaml.StreamEndEvent):
            raise YamlFault(1, "the file is empty")
        first = next(self._events)
        value = self._value(first, ())
        next(self._events)  # the document's end
        if not isinstance(after := next(self._events), yaml.StreamEndEvent):
            raise YamlFault(_line(after), "only one YAML document is read")
        if value is None:
            raise YamlFault(_line(first), "the file is empty")
        if not isinstance(value, dict):
            raise YamlFault(_line(first), 'the top must be a mapping of settings ("mode: observe")')
        self._document.value = value
        return self._document

    def _value(self, event: yaml.Event, path: Path) -> Value:
        self._document.lines.setdefault(path, _line(event))
        self._count(1, event)
        if len(path) > _DEEPEST:
            raise YamlFault(_line(event), f"nested more than {_DEEPEST} levels deep")
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        before = self._nodes
        value = self._built(event, path)
        if anchor := getattr(event, "anchor", None):
            self._anchors[anchor] = (value, self._nodes - before + 1)
        return value

    def _built(self, event: yaml.Event, path: Path) -> Value:
        if isinstance(event, yaml.ScalarEvent):
            return _scalar(event)
        tag = getattr(event, "tag", None)
        if tag not in (None, "!"):
            raise YamlFault(_line(event), f"the YAML tag {tag} is not supported")
        return self._mapping(path) if isinstance(event, yaml.MappingStartEvent) else self._list(path)

    def _count(self, nodes: int, event: yaml.Event) -> None:
        self._nodes += nodes
        if self._nodes > _MOST_NODES:
            raise YamlFault(_line(event), "too many values (are aliases multiplying?)")

    def _alias(self, event: yaml.AliasEvent) -> Value:
        if event.anchor not in self._anchors:
            raise YamlFault(_line(event), f'the alias "*{event.anchor}" has no anchor before it')
        value, size = self._anchors[event.anchor]
        self._count(size, event)
        return value

    def _list(self, path: Path) -> Value:
        items: list[Value] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._value(event, (*path, len(items))))
        return items

    def _mapping(self, path: Path) -> Value:
        entries: dict[str, Value] = {}
        merged: list[dict[str, Value]] = []
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = _key(event)
            if key in entries:
                self._document.faults.append((_line(event), (*path, key), "this key is already set above"))
            self._document.lines[(*path, key)] = _line(event)
            value = self._value(next(self._events), (*path, key))
            if key == "<<":
                merged += self._mergeable(value, event, path)
            else:
                entries[key] = value
        return _merge(merged) | entries

    def _mergeable(self, value: Value, event: yaml.Event, path: Path) -> list[dict[str, Value]]:
        given = value if isinstance(value, list) else [value]
        mappings = [each for each in given if isinstance(each, dict)]
        if len(mappings) != len(given):
            self._document.faults.append((_line(event), (*path, "<<"), "only mappings can be merged in"))
        return mappings


def _merge(mappings: list[dict[str, Value]]) -> dict[str, Value]:
    """YAML's merge key: of several, the first wins."""
    merged: dict[str, Value] = {}
    for mapping in reversed(mappings):
        merged |= mapping
    return merged


def _key(event: yaml.Event) -> str:
    if not isinstance(event, yaml.ScalarEvent) or event.tag not in (None, "!", _STR):
        raise YamlFault(_line(event), "a key must be plain text")
    return str(event.value)


def _scalar(event: yaml.ScalarEvent) -> Value:
    if event.tag == _STR or (event.tag is None and event.style):
        return str(event.value)
    if event.tag not in (None, "!"):
        raise YamlFault(_line(event), f"the YAML tag {event.tag} is not supported")
    return str(event.value) if event.tag == "!" else plain(event.value)


def plain(text: str) -> Value:
    """What an unquoted scalar means. Dates stay text here: the setting that wants one reads it."""
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        return int(text)
    return float(text) if _FLOAT.fullmatch(text) else text


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark else 1
