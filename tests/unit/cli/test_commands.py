"""The table of commands: each has its module, none is forgotten."""

import pkgutil
from importlib import import_module

import click
import pytest
from click.testing import CliRunner

import app.cli
from app.cli.main import COMMANDS, cli, main


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_goes_by_its_name_in_the_table(name: str) -> None:
    found = command(name)
    assert found is not None
    assert found.name == name


def command(name: str) -> click.Command | None:
    return cli.get_command(click.Context(cli), name)


def test_every_command_that_is_written_is_in_the_table() -> None:
    found = {
        (module, attribute): value
        for module in (f"app.cli.{info.name}" for info in pkgutil.iter_modules(app.cli.__path__))
        for attribute, value in vars(import_module(module)).items()
        if isinstance(value, click.Command) and value is not cli
    }
    groups = [value for value in map(command, COMMANDS) if isinstance(value, click.Group)]
    below = {id(one) for group in groups for one in group.commands.values()}
    assert {place for place, value in found.items() if id(value) not in below} == set(COMMANDS.values())


def test_help_lists_every_command_with_what_it_does() -> None:
    lines = CliRunner().invoke(cli, ["--help"]).output.partition("Commands:\n")[2].splitlines()
    told = dict(line.strip().split(maxsplit=1) for line in lines)
    assert sorted(told) == sorted(COMMANDS)


@pytest.mark.parametrize("args", [["--help"], ["ledger", "--help"]])
def test_no_line_of_a_list_of_commands_is_cut_off(args: list[str]) -> None:
    assert "..." not in CliRunner().invoke(cli, args).output.partition("Commands:\n")[2]


@pytest.mark.parametrize("args", [[], ["ledger"]])
def test_without_a_command_the_help_is_shown_as_it_is(
    args: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["keysteward", *args])
    with pytest.raises(SystemExit) as ended:
        main()
    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert said.startswith("Usage: keysteward")
    assert "(see " not in said


def test_a_misspelt_command_is_refused_with_the_one_that_was_meant() -> None:
    done = CliRunner().invoke(cli, ["scna"])
    assert done.exit_code == 2
    assert "scan" in done.output
