"""The boards can be imported anywhere, are what their code writes, and ask only for metrics that exist."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.service.snapshot import Snapshot
from app.sinks.prometheus import SnapshotCollector
from app.telemetry import Counters
from dashboards.__main__ import BOARDS, path_of
from dashboards.board import to_json

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
FILES = sorted((ROOT / "dashboards").glob("*.json"))
JSON: dict[str, dict[str, Any]] = {path.stem: json.loads(path.read_text()) for path in FILES}
PARTS = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count"), "gauge": ("",)}
each_board = pytest.mark.parametrize("board", JSON.values(), ids=JSON)
RULES = [yaml.safe_load(path.read_text()) for path in sorted((ROOT / "rules").glob("*.yaml"))]
ALL_RULES = [rule for file in RULES for group in file["groups"] for rule in group["rules"]]
ALERTS = [rule for rule in ALL_RULES if "alert" in rule]
each_alert = pytest.mark.parametrize("alert", ALERTS, ids=lambda rule: str(rule["alert"]))


def exported() -> set[str]:
    families = SnapshotCollector(Snapshot, Counters()).describe()
    return {family.name + part for family in families for part in PARTS[family.type]}


def recorded() -> set[str]:
    return {rule["record"] for rule in ALL_RULES if "record" in rule}


def unknown(expr: str) -> set[str]:
    """The names in ``expr`` of metrics that nothing exports or records."""
    names = set(re.findall(r"[\w:]*\bkeysteward_\w+(?::\w+)?", expr)) | set(re.findall(r"\w+:[\w:]+", expr))
    assert names or re.search(r"\b(up|ALERTS|process_\w+)\{", expr), expr
    return names - exported() - recorded()


def panels(board: dict[str, Any]) -> list[dict[str, Any]]:
    return [panel for panel in board["panels"] if panel["type"] != "row"]


def test_the_committed_files_are_what_the_code_writes() -> None:
    assert {path_of(make()).name: to_json(make()) for make in BOARDS} == {
        path.name: path.read_text() for path in FILES
    }, "run: python -m dashboards"


@each_board
def test_a_board_has_a_stable_uid_and_no_id_of_one_installation(board: dict[str, Any]) -> None:
    assert board["uid"] in JSON
    assert board["id"] is None


@each_board
def test_panel_ids_differ_and_every_panel_says_what_it_shows_and_in_what_unit(board: dict[str, Any]) -> None:
    ids = [panel["id"] for panel in board["panels"]]
    assert len(set(ids)) == len(ids)
    told = [(p["title"], p["description"], p["fieldConfig"]["defaults"]["unit"]) for p in panels(board)]
    assert [one for one in told if not all(one)] == []
    assert all(panel["fieldConfig"]["defaults"]["thresholds"]["steps"] for panel in panels(board))


@each_board
def test_the_data_source_is_chosen_by_the_reader(board: dict[str, Any]) -> None:
    used = {target["datasource"]["uid"] for panel in panels(board) for target in (panel, *panel["targets"])}
    assert used == {"${datasource}"}
    assert board["templating"]["list"][0]["type"] == "datasource"


@each_board
def test_a_board_links_to_the_other(board: dict[str, Any]) -> None:
    [link] = board["links"]
    assert link["url"].removeprefix("/d/") in set(JSON) - {board["uid"]}


@each_board
def test_a_board_asks_only_for_metrics_that_exist(board: dict[str, Any]) -> None:
    exprs = [target["expr"] for panel in panels(board) for target in panel["targets"]]
    assert [expr for expr in exprs if unknown(expr)] == []


@each_board
def test_what_is_counted_by_the_step_never_falls_between_two_scrapes(board: dict[str, Any]) -> None:
    """Of a window that holds one scrape there is no increase, and a scrape a minute is usual."""
    by_step = [p for p in panels(board) if "$__interval" in json.dumps(p["targets"])]
    assert [p["title"] for p in by_step if p.get("interval") != "5m"] == []


@each_board
def test_no_panel_could_show_an_address(board: dict[str, Any]) -> None:
    text = json.dumps(panels(board))
    assert re.findall(r"\b(owner|user|email)\b(?=[,}= )])", text) == []


@each_board
def test_panels_do_not_overlap_and_fill_the_width(board: dict[str, Any]) -> None:
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in board["panels"])
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(set(cells)) == len(cells)
    assert len(cells) == 24 * (max(y for _, y in cells) + 1)


@each_board
def test_a_runbook_that_a_panel_names_is_there(board: dict[str, Any]) -> None:
    named = set(re.findall(r"Keysteward[A-Z]\w+", json.dumps(board)))
    assert named <= {alert["alert"] for alert in ALERTS}


def test_the_rules_ask_only_for_metrics_that_exist() -> None:
    assert [rule["expr"] for rule in ALL_RULES if unknown(rule["expr"])] == []


@each_alert
def test_an_alert_says_how_bad_it_is_what_happened_and_what_to_do(alert: dict[str, Any]) -> None:
    assert alert["labels"]["severity"] in {"critical", "warning"}
    assert all(alert["annotations"][name].strip() for name in ("summary", "description", "runbook"))
    page, anchor = alert["annotations"]["runbook_url"].split("#")
    assert page == "docs/runbooks.md"
    assert anchor == alert["alert"].lower()


def test_each_alert_has_its_runbook_and_each_runbook_its_alert() -> None:
    titles = re.findall(r"^### (\w+)$", (ROOT / "docs/runbooks.md").read_text(), re.MULTILINE)
    assert sorted(titles) == sorted(alert["alert"] for alert in ALERTS)


def test_the_page_of_the_boards_lists_every_alert_with_its_severity() -> None:
    page = (ROOT / "docs/dashboards.md").read_text()
    listed = re.findall(r"^\| \[(\w+)\]\(runbooks\.md#(\w+)\) \| (\w+) \|", page, re.MULTILINE)
    assert listed == [(a["alert"], a["alert"].lower(), a["labels"]["severity"]) for a in ALERTS]


def test_an_alert_takes_replicas_together() -> None:
    lone = [a["alert"] for a in ALERTS if not re.search(r"\b(max|min|sum|count) by \(job\b", a["expr"])]
    assert lone == []


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed")
@pytest.mark.parametrize("command", ["check", pytest.param("test", marks=pytest.mark.slow)])
def test_promtool_finds_no_fault_in_the_rules(command: str) -> None:
    """Each alert fires and resolves: rules/tests."""
    folder = ROOT / "rules" / ("tests" if command == "test" else "")
    call = ["promtool", command, "rules", *map(str, sorted(folder.glob("*.yaml")))]
    judged = subprocess.run(call, capture_output=True, text=True, timeout=600, check=False)
    assert judged.returncode == 0, judged.stdout + judged.stderr


@each_alert
def test_an_alert_is_seen_to_fire_and_to_resolve(alert: dict[str, Any]) -> None:
    tests = yaml.safe_load((ROOT / "rules/tests/alerts.yaml").read_text())["tests"]
    [told] = [test["promql_expr_test"] for test in tests if test["name"] == alert["alert"]]
    assert [bool(step.get("exp_samples")) for step in told] == [False, True, False]


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
    whole = {name.removesuffix("_bucket") for name in exported()}  # a histogram goes by its own name, too
    assert named - {"keysteward_sink_file"} <= exported() | whole  # a package, in docs/sinks.md


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
