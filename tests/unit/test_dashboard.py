"""The dashboard can be imported anywhere; it and the README ask only for metrics that exist."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from app.service.snapshot import Snapshot
from app.sinks.prometheus import SnapshotCollector
from app.telemetry import Counters

ROOT = Path(__file__).parents[2]
DASHBOARD: dict[str, Any] = json.loads((ROOT / "dashboards/keysteward.json").read_text())
README = (ROOT / "README.md").read_text()
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
TARGETS = [(panel["title"], target["expr"]) for panel in PANELS for target in panel["targets"]]
PARTS = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",)}


def exported() -> set[str]:
    families = SnapshotCollector(Snapshot, Counters()).describe()
    return {family.name + part for family in families for part in PARTS[family.type]}


def test_it_has_a_stable_uid_and_no_id_of_one_installation() -> None:
    assert (DASHBOARD["uid"], DASHBOARD["id"]) == ("keysteward", None)


def test_panel_ids_differ_and_every_panel_has_a_title_and_a_description() -> None:
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)
    assert all(panel["title"] and panel["description"] for panel in PANELS)


def test_the_data_source_is_chosen_by_the_reader() -> None:
    used = {target["datasource"]["uid"] for panel in PANELS for target in (panel, *panel["targets"])}
    assert used == {"${datasource}"}
    assert DASHBOARD["templating"]["list"][0]["name"] == "datasource"


@pytest.mark.parametrize(("title", "expr"), TARGETS, ids=[expr[:60] for _, expr in TARGETS])
def test_a_panel_asks_only_for_exported_metrics(title: str, expr: str) -> None:
    asked = set(re.findall(r"\bkeysteward_\w+", expr))
    assert asked
    assert asked <= exported(), title


def test_panels_do_not_overlap() -> None:
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in DASHBOARD["panels"])
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) == 23


def test_the_readmes_table_of_metrics_names_exported_ones() -> None:
    [table] = re.findall(r"^\| metric \(`keysteward_…`\).*?\n\n", README, re.MULTILINE | re.DOTALL)
    first_cells = [line.split(" | ")[0] for line in table.splitlines()[2:]]
    named = {f"keysteward_{name}" for cell in first_cells for name in re.findall(r"`([a-z_]+)", cell)}
    assert len(named) > 5
    assert named <= exported()


def test_the_documents_name_only_metrics_that_exist() -> None:
    texts = (path.read_text() for path in sorted((ROOT / "docs").glob("*.md")))
    named = {name for text in texts for name in re.findall(r"\bkeysteward_[a-z_]+[a-z]", text)}
    assert len(named) > 5
    assert named - {"keysteward_sink_file"} <= exported()  # a package, in docs/sinks.md


def test_the_readmes_alerts_ask_only_for_exported_metrics() -> None:
    asked = {name for block in alerts() for name in re.findall(r"\bkeysteward_\w+", block)}
    assert asked
    assert asked <= exported()


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed")
def test_the_readmes_alerts_are_promql(tmp_path: Path) -> None:
    rules = [{"alert": f"Alert{number}", "expr": expr} for number, expr in enumerate(alerts())]
    (tmp_path / "rules.yml").write_text(json.dumps({"groups": [{"name": "readme", "rules": rules}]}))
    command = ["promtool", "check", "rules", str(tmp_path / "rules.yml")]
    judged = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert judged.returncode == 0, judged.stdout + judged.stderr


def alerts() -> list[str]:
    """Each expression of the README's block of PromQL."""
    [block] = re.findall(r"^```promql\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    return [expr.strip() for expr in re.split(r"^#.*$", block, flags=re.MULTILINE) if expr.strip()]
