"""How each program that the documentation names is checked without running it: one table, nothing unknown.

What a page tells a reader to enter is either run (`tests/docs/reader.py`) or held to this table; most
is both. A program that isn't here is an error, so that nobody's command goes unchecked by mistake.
"""

import re
from collections.abc import Callable, Mapping
from functools import cache

import click

import app
from app.cli.main import COMMANDS, cli
from tests.docs.aws_lines import aws
from tests.docs.blocks import ROOT
from tests.docs.shell import Command
from tests.docs.wrong import Wrong

Check = Callable[[tuple[str, ...]], None]
_RUN_FLAGS = {"--rm", "--read-only", "-d", "--detach", "-it", "-i", "-t", "--init"}  # those without a value


def keysteward(args: tuple[str, ...]) -> None:
    """The command line itself reads it: commands, options, choices, durations and dates."""
    if not args or args[0] in {"--version", "--help", "-h"}:
        return
    if args[0] not in COMMANDS:
        raise Wrong(f"keysteward has no command {args[0]!r}")
    command = cli.get_command(click.Context(cli), args[0])
    assert command
    _parsed(command, list(args))


def _parsed(command: click.Command, args: list[str]) -> None:
    name, rest = args[0], args[1:]
    if isinstance(command, click.Group) and rest:
        _one_of(rest[0], set(command.commands))
        return _parsed(command.commands[rest[0]], rest)
    try:
        command.make_context(name, rest)
    except click.exceptions.Exit:
        return None
    except click.ClickException as error:
        raise Wrong(f"keysteward {name}: {error.format_message()}") from None


@cache
def _targets() -> frozenset[str]:
    return frozenset(re.findall(r"^([a-z][\w-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def make(args: tuple[str, ...]) -> None:
    for word in args:
        if "=" not in word and word not in _targets():
            raise Wrong(f"the Makefile has no target {word!r}")


def docker(args: tuple[str, ...]) -> None:
    verb, rest = (args[0] if args else ""), args[1:]
    if verb == "compose":
        return _compose(rest)
    if verb == "run":
        return _docker_run(rest)
    _one_of(verb, {"build", "kill", "push", "pull", "tag", "login", "logs", "exec", "stop", "volume"})
    return None


def _compose(args: tuple[str, ...]) -> None:
    verbs = {"up", "down", "config", "logs", "ps", "build", "pull", "exec", "run", "restart", "kill", "cp"}
    while args and args[0].startswith("-"):
        if args[0] in {"-f", "--file", "--env-file"}:
            _there(args[1])
        args = args[2:]
    _one_of(args[0] if args else "", verbs)


def _docker_run(args: tuple[str, ...]) -> None:
    """Finds the image behind the options: ours is of this version, and runs a command that there is."""
    at = 0
    while at < len(args) and args[at].startswith("-"):
        at += 1 if args[at] in _RUN_FLAGS or "=" in args[at] else 2
    if at >= len(args):
        raise Wrong("docker run names no image")
    image, command = args[at], args[at + 1 :]
    if image.startswith("keysteward:") and "$" not in image:
        if image != f"keysteward:{app.__version__}":
            raise Wrong(f"{image} is not the present version, {app.__version__}")
        keysteward(command)


def kubectl(args: tuple[str, ...]) -> None:
    verbs = (
        "apply create get describe logs rollout scale delete exec port-forward kustomize diff set annotate"
    )
    words = _files(args, {"-f", "--filename", "-k", "--kustomize"}, {"-n", "--namespace", "--context"})
    _one_of(words[0] if words else "", set(verbs.split()))
    if words[0] == "kustomize":
        _there(words[1])


def terraform(args: tuple[str, ...]) -> None:
    for word in args:
        if word.startswith("-chdir="):
            _there(word.partition("=")[2])
    words = [word for word in args if not word.startswith("-")]
    verbs = "init validate plan apply destroy test fmt output import state providers workspace"
    _one_of(words[0] if words else "", set(verbs.split()))


def promtool(args: tuple[str, ...]) -> None:
    words = [word for word in args if not word.startswith("-")]
    _one_of(words[0] if words else "", {"check", "test", "query"})
    for word in words[2:]:
        if words[0] != "query":
            _there(word)


def curl(args: tuple[str, ...]) -> None:
    """What is asked of the service itself has an answer there."""
    paths = r"/(?:metrics|healthz|readyz|api/v1/[\w./-]*)?(?:\?.*)?"
    for word in args:
        local = re.fullmatch(r"(?:https?://)?(?:localhost|127\.0\.0\.1):8080(.*)", word)
        if local and not re.fullmatch(paths, local[1] or "/"):
            raise Wrong(f"the service has no {local[1]}")


def python(args: tuple[str, ...]) -> None:
    if args[:1] == ("-c",):
        try:
            compile(args[1], "<docs>", "exec")
        except SyntaxError as error:
            raise Wrong(str(error)) from None
    elif args[:1] == ("-m",):
        if not args[1].startswith(("app", "tests", "bench")):
            _one_of(args[1], {"venv", "pip", "http.server", "json.tool", "pytest"})
    elif args and args[0].endswith(".py"):
        _there(args[0])


def cp(args: tuple[str, ...]) -> None:
    """From this repository to a place of the reader's."""
    for source in [word for word in args if not word.startswith("-")][:-1]:
        _there(source)


def nothing_to_check(_: tuple[str, ...]) -> None:
    """The shell's own words, and tools whose arguments are the reader's."""


def _files(args: tuple[str, ...], of_files: set[str], others: set[str]) -> list[str]:
    """The words that are no options; files that options name are looked for."""
    words: list[str] = []
    rest = iter(args)
    for word in rest:
        if word in of_files:
            _there(next(rest, ""))
        elif word in others:
            next(rest, "")
        elif not word.startswith("-"):
            words.append(word)
    return words


def _there(path: str) -> None:
    outside = path in {"-", ""} or path.startswith(("/", "~", "http", "s3:")) or "$" in path or "…" in path
    if not outside and not (ROOT / path).exists():
        raise Wrong(f"there is no {path} in this repository")


def _one_of(word: str, words: set[str]) -> None:
    if word not in words:
        raise Wrong(f"{word!r} is none of {', '.join(sorted(words))}")


_READERS_OWN = (
    "alias cat cd chmod chown crontab date diff echo exit export false grep gzip head install jq kill less "
    "ls mkdir mv open printenv printf pwd read rm sed seq set sha256sum sleep sort source sudo "
    "systemctl journalctl tail tee test touch true umask uniq unset useradd wait wc which xargs git pip pip3 "
    "pytest uv sqlite3 psql pg_dump pg_restore createdb openssl dig nc ssh scp amtool cfn-lint node npm "
    "apt-get helm [ :"
)
PROGRAMS: Mapping[str, Check] = {
    "aws": aws,
    "cp": cp,
    "curl": curl,
    "docker": docker,
    "keysteward": keysteward,
    "kubectl": kubectl,
    "make": make,
    "promtool": promtool,
    "python": python,
    "python3": python,
    "terraform": terraform,
    **dict.fromkeys(_READERS_OWN.split(), nothing_to_check),
}


def check(command: Command) -> None:
    """Raises `Wrong` with a sentence for whoever wrote the page."""
    if not command.program:
        return
    if command.base not in PROGRAMS:
        raise Wrong(
            f"{command.base!r} is in no row of PROGRAMS: say in tests/docs/programs.py how to check it"
        )
    PROGRAMS[command.base](command.args)
