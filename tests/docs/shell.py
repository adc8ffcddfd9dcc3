"""Reads the shell of the documentation: lines into commands, as far as a page needs it."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=.*", re.DOTALL)
_HEREDOC = re.compile(r"<<-?\s*(['\"]?)(\w+)\1")
_INSIDE = re.compile(r"\$\(([^()]*)\)")
_REDIRECTION = re.compile(r"[0-9]*(?:>>?|<)(?:&[0-9-])?")
_KEYWORDS = {"if", "then", "else", "do", "while", "until", "!", "{", "}", "time"}
_ENDS = {"done", "fi", "esac", "{", "}"}


@dataclass(frozen=True, slots=True)
class Command:
    """One program with its arguments; ``variables`` are the assignments before it. No program: only these."""

    program: str
    args: tuple[str, ...]
    variables: tuple[str, ...] = ()

    @property
    def base(self) -> str:
        return self.program.rsplit("/", 1)[-1]


def lines_of(text: str, language: str = "sh") -> Iterator[str]:
    """What a reader would enter, one at a time: continued lines, open quotes and here-documents are joined.

    In a ``console`` block only lines behind a prompt are entered; the rest is output.
    """
    waiting: list[str] = []
    for line in _entered(text) if language == "console" else text.splitlines():
        waiting.append(line)
        whole = "\n".join(waiting)
        if not _is_open(whole):
            waiting = []
            if whole.strip() and not whole.lstrip().startswith("#"):
                yield whole
    if waiting:
        raise ValueError(f"never ends: {waiting[0]}")


def _entered(text: str) -> Iterator[str]:
    going_on = False
    for line in text.splitlines():
        prompt = line.startswith(("$ ", "# "))
        if prompt or going_on:
            yield line[2:] if prompt or line.startswith("> ") else line
            going_on = line.endswith("\\")


def _is_open(text: str) -> bool:
    if text.endswith("\\"):
        return True
    here = _HEREDOC.search(text)
    if here:
        return not re.search(rf"^\s*{here[2]}$", text, re.MULTILINE)
    try:
        _words(text)
    except ValueError:
        return True
    return False


def commands_of(line: str) -> list[Command]:
    """The commands of one entered line, those inside ``$(…)`` too. What is fed to a command is not one."""
    head, _, _ = line.partition("\n") if _HEREDOC.search(line) else (line, "", "")
    inner = [command for part in _INSIDE.findall(head) for command in commands_of(part)]
    return [*_split(_words(_INSIDE.sub("value", head))), *inner]


def _words(text: str) -> list[str]:
    lexer = shlex.shlex(text.replace("\\\n", " ").replace("\n", " ; "), posix=True, punctuation_chars="|&;<>")
    lexer.whitespace_split = True
    return list(lexer)


def _split(words: list[str]) -> Iterator[Command]:
    part: list[str] = []
    for word in [*words, ";"]:
        if word in {"|", "||", "&&", ";", "&", "|&", ";;"}:
            command = _command(part)
            if command:
                yield command
            part = []
        else:
            part.append(word)


def _command(words: list[str]) -> Command | None:
    words = _without_redirections(words)
    while words and words[0] in _KEYWORDS:
        words = words[1:]
    if not words or words[0] in _ENDS or words[0] in {"for", "case"}:
        return None
    count = next((i for i, word in enumerate(words) if not _ASSIGNMENT.fullmatch(word)), len(words))
    variables, rest = tuple(words[:count]), words[count:]
    return Command(rest[0] if rest else "", tuple(rest[1:]), variables)


def _without_redirections(words: list[str]) -> list[str]:
    kept: list[str] = []
    skip = False
    for word in words:
        if skip:
            skip = False
        elif _REDIRECTION.fullmatch(word) or word in {">&", "<<", "<<-", ">|"}:
            skip = True
        else:
            kept.append(word)
    return kept
