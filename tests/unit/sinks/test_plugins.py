"""Sinks of other packages: found by entry point, imported only when the config names them."""

import sys
from pathlib import Path

import pytest

from app.config.load import check_config, load_config
from app.config.schema import json_schema
from app.errors import ConfigError
from app.sinks import registry

GOOD = """
from typing import Literal
from pydantic import BaseModel, ConfigDict
from app.sinks.registry import SinkType

class Settings(BaseModel):
    model_config = ConfigDict(extra="forbid")
    type: Literal["pager"]
    number: int = 0

SINK = SinkType(Settings, lambda name, settings, tools: None)
"""


class Packages:
    """A folder on the path, into which packages are put as pip leaves them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def install(self, package: str, code: str, kind: str = "pager") -> None:
        module = f"ks_plugin_{package.replace('-', '_')}_{abs(hash((package, code)))}"
        (self._folder / f"{module}.py").write_text(code)
        info = self._folder / f"{package.replace('-', '_')}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[{registry.GROUP}]\n{kind} = {module}:SINK\n")

    def imported(self) -> list[str]:
        return [name for name in sys.modules if name.startswith("ks_plugin_")]


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Packages:
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(str(folder))
    for name in [name for name in sys.modules if name.startswith("ks_plugin_")]:
        monkeypatch.delitem(sys.modules, name)
    return Packages(folder)


def faults(tmp_path: Path, sink: str) -> list[str]:
    path = tmp_path / "config.yaml"
    path.write_text(f"sinks: {{here: {sink}}}\n")
    return [fault.message for fault in check_config(path, {})]


def test_a_package_adds_a_type_of_sink(packages: Packages, tmp_path: Path) -> None:
    packages.install("keysteward-pager", GOOD)
    assert faults(tmp_path, "{type: pager, nmber: 7}") == ['unknown key "nmber", did you mean "number"?']
    assert faults(tmp_path, "{type: pager}") == []
    config = load_config(tmp_path / "config.yaml", {"KEYSTEWARD_SINKS__HERE__NUMBER": "7"})
    assert config.sinks["here"].model_dump() == {"type": "pager", "number": 7}


def test_it_is_known_by_name_without_being_imported(packages: Packages, tmp_path: Path) -> None:
    packages.install("keysteward-pager", "raise RuntimeError")
    assert faults(tmp_path, "{type: console}") == []
    assert faults(tmp_path, "{type: pagr}") == ['unknown type of sink, did you mean "pager"?']
    assert "pager" in faults(tmp_path, "{}")[0]
    assert packages.imported() == []


def test_it_is_in_the_schema(packages: Packages) -> None:
    packages.install("keysteward-pager", GOOD)
    kinds = json_schema()["properties"]["sinks"]["additionalProperties"]["oneOf"]
    assert "number" in kinds[-1]["properties"]
    assert len(kinds) == len(registry.SINKS) + 1


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import nothing_of_that_name", "can't be imported: ModuleNotFoundError"),
        ("SINK = (", "can't be imported: SyntaxError"),
        ("1 / 0", "can't be imported: ZeroDivisionError"),
        ("", "can't be imported: AttributeError"),
        ("SINK = 1", "is not a SinkType whose settings have a field type"),
        (GOOD.replace('type: Literal["pager"]', "x: int"), "is not a SinkType"),
    ],
)
def test_one_that_is_broken_is_a_fault_of_the_config_that_names_its_package(
    packages: Packages, tmp_path: Path, code: str, words: str
) -> None:
    packages.install("keysteward-pager", code)
    [fault] = faults(tmp_path, "{type: pager}")
    assert fault.startswith('the package keysteward-pager: its sink "pager" ')
    assert words in fault
    with pytest.raises(ConfigError, match="keysteward-pager"):
        json_schema()


def test_one_with_the_name_of_a_built_in_sink_is_refused_where_that_is_used(
    packages: Packages, tmp_path: Path
) -> None:
    packages.install("keysteward-other", GOOD, kind="console")
    [fault] = faults(tmp_path, "{type: console}")
    assert "the package keysteward-other" in fault
    assert "which is built in" in fault
    assert packages.imported() == []


def test_two_of_the_same_name_are_refused(packages: Packages, tmp_path: Path) -> None:
    packages.install("keysteward-pager", GOOD)
    packages.install("keysteward-other", GOOD)
    [fault] = faults(tmp_path, "{type: pager}")
    assert "the package keysteward-other and the package keysteward-pager" in fault
