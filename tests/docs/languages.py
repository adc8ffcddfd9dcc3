"""How each language of a block is read: one table. A language that isn't here is an error."""

import ast
import configparser
import json
import re
import tomllib
from collections.abc import Callable, Mapping

import jinja2
import yaml

from tests.docs import samples
from tests.docs.blocks import Block
from tests.docs.programs import check
from tests.docs.shell import commands_of, lines_of
from tests.docs.wrong import Wrong
from tests.docs.yaml_blocks import FOREIGN, documents, owner_of

Read = Callable[[Block], None]


def shell(block: Block) -> None:
    """Each command, by the table of programs."""
    for line in lines_of(block.text, block.language):
        for command in commands_of(line):
            check(command)


def of_yaml(block: Block) -> None:
    """It parses, and it is known whose it is. Keysteward's own is loaded by a test of its own."""
    for document in documents(block.text):
        if not owner_of(document):
            known = ", ".join(FOREIGN)
            raise Wrong(
                f"neither Keysteward's YAML nor any of {known}: name its keys in tests/docs/yaml_blocks.py"
            )


def of_json(block: Block) -> None:
    json.loads(block.text)


def of_python(block: Block) -> None:
    ast.parse(block.text)


def of_toml(block: Block) -> None:
    tomllib.loads(block.text)


def of_ini(block: Block) -> None:
    configparser.ConfigParser(strict=False, interpolation=None, allow_no_value=True).read_string(block.text)


def of_jinja(block: Block) -> None:
    jinja2.Environment(autoescape=True).parse(block.text)


def balanced(block: Block) -> None:
    """Every bracket is closed by its own, strings and comments aside."""
    bare = re.sub(r"\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|`[^`]*`|(?:#|//|--).*", "", block.text)
    waiting: list[str] = []
    for mark in re.findall(r"[()\[\]{}]", bare):
        if mark in "([{":
            waiting.append(mark)
        elif not waiting or waiting.pop() + mark not in {"()", "[]", "{}"}:
            raise Wrong(f"{mark!r} closes nothing")
    if waiting:
        raise Wrong(f"{waiting[-1]!r} is never closed")


LANGUAGES: Mapping[str, Read] = {
    "sh": shell,
    "bash": shell,
    "console": shell,
    "yaml": of_yaml,
    "json": of_json,
    "python": of_python,
    "toml": of_toml,
    "ini": of_ini,
    "jinja": of_jinja,
    "hcl": balanced,
    "js": balanced,
    "sql": balanced,
    "promql": balanced,
    "text": samples.check,
    "": samples.check,
}
_FAULTS = (Wrong, ValueError, SyntaxError, yaml.YAMLError, jinja2.TemplateError, configparser.Error)


def fault_of(block: Block) -> str:
    """What is wrong with a block, with its place. Empty: nothing."""
    if block.language not in LANGUAGES:
        return f"{block}: no row of LANGUAGES in tests/docs/languages.py reads {block.language!r}"
    try:
        LANGUAGES[block.language](block)
    except _FAULTS as error:
        return f"{block}: {error}"
    return ""
