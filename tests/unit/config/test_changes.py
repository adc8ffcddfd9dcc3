"""What makes a config another one while the service runs, and what of it can't change."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from app.config.load import load_config
from app.config.watched import fingerprint
from app.errors import ConfigError

LOGIN = "postgresql://keys:first@db.example.com/keysteward?sslmode=require"
BASE = """\
mode: notify
ledger: postgresql://keys:first@db.example.com/keysteward?sslmode=require
http: {listen: "127.0.0.1:8080"}
lease: 30s
"""


def written(folder: Path, text: str = BASE) -> Path:
    file = folder / "config.yaml"
    file.write_text(text)
    return file


@pytest.mark.parametrize(
    ("before", "after", "fault"),
    [
        ("/keysteward?", "/other?", "config.yaml:2: ledger: can't change"),
        ("db.example.com", "db2.example.com", "config.yaml:2: ledger: can't change"),
        (LOGIN, "dynamodb://keysteward", "config.yaml:2: ledger: can't change"),
        ("8080", "9090", "config.yaml:3: http.listen: can't change"),
        ('8080"', '8080", public_page: true', "config.yaml:3: http.public_page: can't change"),
        (
            '8080"',
            '8080", auth: {trusted_header: {name: X-User, proxies: [10.0.0.1]}}',
            "config.yaml:3: http.auth: can't change",
        ),
        ("30s", "60s", "config.yaml:4: lease: can't change"),
    ],
)
def test_what_can_not_change_while_it_runs_is_a_fault_at_its_line(
    tmp_path: Path, before: str, after: str, fault: str
) -> None:
    file = written(tmp_path)
    running = load_config(file, {})
    written(tmp_path, BASE.replace(before, after))
    load_config(file, {})
    with pytest.raises(ConfigError) as raised:
        load_config(file, {}, running=running)
    assert fault in str(raised.value)
    assert "first" not in str(raised.value)


@pytest.mark.parametrize(
    ("before", "after"),
    [("keys:first", "keys2:second"), ("mode: notify", "mode: enforce"), ("mode: notify", "log_level: debug")],
)
def test_everything_else_may_change_also_the_ledgers_login(tmp_path: Path, before: str, after: str) -> None:
    file = written(tmp_path)
    running = load_config(file, {})
    written(tmp_path, BASE.replace(before, after))
    assert load_config(file, {}, running=running) != running


def test_a_ledgers_secret_that_can_not_be_read_is_one_fault_and_no_other_ledger(tmp_path: Path) -> None:
    def denied(reference: str) -> str:
        raise ConfigError(f"the secret {reference} can't be read")

    file = written(tmp_path, "ledger: {secretsmanager: keys}\n")
    running = load_config(file, {}, resolver=lambda reference: "sqlite:///ledger.db")
    with pytest.raises(ConfigError) as raised:
        load_config(file, {}, resolver=denied, running=running)
    assert str(raised.value) == f"{file}:1: ledger: the secret keys can't be read"


def test_a_password_that_can_not_be_read_is_one_fault_and_no_other_sign_in(tmp_path: Path) -> None:
    def denied(reference: str) -> str:
        raise ConfigError(f"the secret {reference} can't be read")

    file = written(tmp_path, "http: {auth: {basic: [{user: ann, password: {secretsmanager: page}}]}}\n")
    running = load_config(file, {}, resolver=lambda reference: "correct horse")
    assert running.http.secrets == ["correct horse"]
    with pytest.raises(ConfigError) as raised:
        load_config(file, {}, resolver=denied, running=running)
    assert str(raised.value) == f"{file}:1: http.auth.basic[0].password: the secret page can't be read"


# --- what is watched -----------------------------------------------------------------------------------


def everything(folder: Path) -> tuple[Path, dict[str, str]]:
    (folder / "templates").mkdir()
    (folder / "templates" / "title.j2").write_text("a title")
    (folder / "secrets").mkdir()
    (folder / "secrets" / "KEYSTEWARD_LOG_LEVEL").write_text("info")
    (folder / "secrets" / "unrelated").write_text("x")
    (folder / "owners.csv").write_text("user,owner\nann,ann@example.com\n")
    text = f"mode: observe\ntemplates: templates\nowners: [{{csv: {folder}/owners.csv}}]\n"
    return written(folder, text), {"KEYSTEWARD_SECRETS_DIR": str(folder / "secrets")}


@pytest.mark.parametrize(
    ("file", "counts"),
    [
        ("config.yaml", True),
        ("owners.csv", True),
        ("templates/title.j2", True),
        ("templates/advice.j2", True),
        ("secrets/KEYSTEWARD_LOG_LEVEL", True),
        ("secrets/keysteward_mode", True),
        ("secrets/unrelated", False),
        ("another.yaml", False),
    ],
)
def test_whatever_the_config_is_made_of_counts_and_nothing_else(
    tmp_path: Path, file: str, counts: bool
) -> None:
    path, env = everything(tmp_path)
    config = load_config(path, env)
    before = fingerprint(path, env, config)
    assert fingerprint(path, env, config) == before
    (tmp_path / file).write_text("something else")
    assert (fingerprint(path, env, config) != before) is counts


def test_only_the_content_counts_not_the_time(tmp_path: Path) -> None:
    path, env = everything(tmp_path)
    config = load_config(path, env)
    before = fingerprint(path, env, config)
    os.utime(path, (1, 1))
    path.write_text(path.read_text())
    assert fingerprint(path, env, config) == before


def test_a_mounted_config_map_is_swapped_by_its_link(tmp_path: Path) -> None:
    """As Kubernetes does it: config.yaml -> ..data/config.yaml, and ..data -> a folder of its own."""
    for number, mode in enumerate(("observe", "notify")):
        (tmp_path / f"..{number}").mkdir()
        (tmp_path / f"..{number}" / "config.yaml").write_text(f"mode: {mode}\n")
    (tmp_path / "..data").symlink_to("..0")
    path = tmp_path / "config.yaml"
    path.symlink_to("..data/config.yaml")
    config = load_config(path, {})
    before = fingerprint(path, {}, config)
    (tmp_path / "..new").symlink_to("..1")
    (tmp_path / "..new").rename(tmp_path / "..data")
    assert fingerprint(path, {}, config) != before
    assert load_config(path, {}).mode == "notify"


@pytest.mark.parametrize("away", [Path.unlink, lambda path: (path.unlink(), path.mkdir())])
def test_a_file_that_is_gone_counts_as_a_change_and_is_refused(
    tmp_path: Path, away: Callable[[Path], object]
) -> None:
    path = written(tmp_path)
    config = load_config(path, {})
    before = fingerprint(path, {}, config)
    away(path)
    assert fingerprint(path, {}, config) != before
    with pytest.raises(ConfigError, match="can't be read"):
        load_config(path, {}, running=config)


def test_without_a_file_there_is_only_the_secrets_folder_to_watch(tmp_path: Path) -> None:
    env = {"KEYSTEWARD_SECRETS_DIR": str(tmp_path)}
    config = load_config(None, env)
    before = fingerprint(None, env, config)
    (tmp_path / "KEYSTEWARD_MODE").write_text("notify")
    assert fingerprint(None, env, config) != before
