"""Files of a pack: whole or not there, and safe to open in a spreadsheet."""

import csv
from pathlib import Path

import pytest

from app.report.pack import new_pack


def test_a_failure_half_way_leaves_nothing_behind(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), new_pack(tmp_path / "sub/pack") as pack:
        pack.table("a.csv", ("x",), [{"x": 1}])
        raise RuntimeError
    assert list((tmp_path / "sub").iterdir()) == []


def test_only_its_owner_may_open_it(tmp_path: Path) -> None:
    with new_pack(tmp_path / "pack") as pack:
        pack.text("a.txt", "x")
    assert (tmp_path / "pack").stat().st_mode & 0o077 == 0


def test_a_table_is_utf_8_for_spreadsheets_with_its_rows_counted_and_keys_masked(tmp_path: Path) -> None:
    with new_pack(tmp_path / "pack") as pack:
        pack.table("a.csv", ("x", "y"), [{"x": "ü", "y": "AKIAEXAMPLE000000001"}, {"x": "a\nb", "y": None}])
    content = (tmp_path / "pack/a.csv").read_bytes()
    assert content.startswith(b"\xef\xbb\xbfx,y\r\n")
    with (tmp_path / "pack/a.csv").open(encoding="utf-8-sig", newline="") as file:
        assert list(csv.reader(file)) == [["x", "y"], ["ü", "…0001"], ["a\nb", ""]]
    assert pack.files["a.csv"]["rows"] == 2
