"""The `owners` of the config: a CSV file beside the rest, and what is wrong with one."""

from pathlib import Path

import pytest

from app.config.load import load_config
from app.config.schema import Config
from app.errors import ConfigError
from app.policy.rules import (
    OwnerByAccountContact,
    OwnerByAccountTag,
    OwnerByFile,
    OwnerByKeyDescription,
    OwnerRow,
)


def load(tmp_path: Path, owners: str) -> Config:
    path = tmp_path / "config.yaml"
    path.write_text(f"owners:\n  - {owners}\n")
    return load_config(path, {})


def with_csv(tmp_path: Path, content: str) -> Config:
    (tmp_path / "owners.csv").write_text(content)
    return load(tmp_path, f"{{csv: {tmp_path / 'owners.csv'}}}")


def test_a_csv_file_is_read_with_its_columns_in_any_order(tmp_path: Path) -> None:
    config = with_csv(tmp_path, "owner, user,account\nann@example.com,ci-*,prod\nbob@example.com,,1111*\n")
    rows = (OwnerRow("ci-*", "prod", "ann@example.com"), OwnerRow("", "1111*", "bob@example.com"))
    assert config.policy().owners == (OwnerByFile(rows, "owners.csv"),)


def test_a_changed_csv_file_is_a_changed_config(tmp_path: Path) -> None:
    first = with_csv(tmp_path, "user,owner\nci,ann@example.com\n").hash
    assert with_csv(tmp_path, "user,owner\nci,bob@example.com\n").hash != first


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "owners.csv:1: its first line should be user,account,owner"),
        ("name,mail\nci,ann@example.com\n", "owners.csv:1: its first line should be user,account,owner"),
        ("user,owner\nci,ann\n", "owners.csv:2: the owner should be an e-mail address"),
        ("user,owner\nci\n", "owners.csv:2: the owner should be an e-mail address"),
        ("user,owner\nci,ann@example.com,extra\n", "owners.csv:2: has more fields than the first line"),
        ("user,owner,owner\nci,a@example.com,b@example.com\n", "owners.csv:1: its first line should be"),
        (
            'owner,user\n"\nann@example.com",ann\n',
            "owners.csv:2: is not readable as CSV: unexpected end of data",
        ),
        ('user,owner\n"ci,a@example.com\n', "owners.csv:2: is not readable as CSV: unexpected end of data"),
        (
            f"user,owner\n{'a' * 200_000},a@example.com\n",
            "owners.csv:2: is not readable as CSV: field larger",
        ),
        (
            "user,owner\nok,a@example.com\n,ann@example.com\n",
            "owners.csv:3: names neither a user nor an account",
        ),
    ],
)
def test_a_bad_csv_file_is_told_with_its_line(tmp_path: Path, content: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        with_csv(tmp_path, content)
    assert said in str(caught.value)
    assert "config.yaml:2: owners[0].csv" in str(caught.value)


def test_a_missing_csv_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"owners\[0\]\.csv: /nowhere/x\.csv can't be read: No such file"):
        load(tmp_path, "{csv: /nowhere/x.csv}")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("{key_description: true}", OwnerByKeyDescription()),
        ("{account_tag: team-mail}", OwnerByAccountTag("team-mail")),
        ("{account_contact: operations}", OwnerByAccountContact("operations")),
    ],
)
def test_the_console_s_description_and_the_account_can_name_the_owner(
    tmp_path: Path, written: str, meant: object
) -> None:
    assert load(tmp_path, written).policy().owners == (meant,)


@pytest.mark.parametrize("written", ["{key_description: false}", "{account_contact: legal}", "{csv: [a]}"])
def test_what_makes_no_sense_is_refused(tmp_path: Path, written: str) -> None:
    with pytest.raises(ConfigError, match=r"config\.yaml:2: owners\[0\]"):
        load(tmp_path, written)
