"""The compose file and what it mounts: pinned, on loopback only, no secret in it, and valid."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docker-compose.yml").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load(TEXT)
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
PLACES = ROOT / "deploy/compose"
each_service = pytest.mark.parametrize("service", SERVICES.values(), ids=SERVICES)


def mounts() -> list[tuple[str, str]]:
    pairs = (volume.split(":") for service in SERVICES.values() for volume in service["volumes"])
    return [(place[0], place[1]) for place in pairs if place[0].startswith("./")]


def judged(*command: str | Path) -> str:
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def test_the_four_of_them_are_there() -> None:
    assert set(SERVICES) == {"keysteward", "prometheus", "alertmanager", "grafana"}


@each_service
def test_an_image_is_pinned_and_a_port_is_open_to_this_machine_only(service: dict[str, Any]) -> None:
    assert re.search(r":(v?\d+\.\d+\.\d+|\$\{\w+:-\d+\.\d+\.\d+\})$", service["image"])
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    assert (service["cap_drop"], service["security_opt"]) == (["ALL"], ["no-new-privileges:true"])


def test_what_is_mounted_is_committed_but_for_the_config() -> None:
    lost = [place for place, _ in mounts() if not (ROOT / place).exists()]
    assert set(lost) <= {"./config.yaml"}


def test_no_password_is_committed_and_nobody_gets_in_without_one() -> None:
    grafana = SERVICES["grafana"]["environment"]
    assert grafana["GF_AUTH_ANONYMOUS_ENABLED"] == "false"
    assert [name for name in grafana if "PASSWORD" in name] == ["GF_SECURITY_ADMIN_PASSWORD__FILE"]
    assert all(secret["file"].startswith("./secrets/") for secret in COMPOSE["secrets"].values())
    assert "/secrets/" in (ROOT / ".gitignore").read_text().splitlines()


def test_grafana_is_given_both_boards_where_it_looks_for_them() -> None:
    [provider] = yaml.safe_load((PLACES / "grafana/dashboards.yaml").read_text())["providers"]
    given = {target for place, target in mounts() if place.endswith(".json")}
    boards = (ROOT / "dashboards").glob("*.json")
    assert given == {f"{provider['options']['path']}/{board.name}" for board in boards}


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool is not installed")
def test_promtool_accepts_prometheus_config_beside_the_rules(tmp_path: Path) -> None:
    shutil.copy(PLACES / "prometheus.yml", tmp_path)
    shutil.copytree(ROOT / "rules", tmp_path / "rules")
    assert judged("promtool", "check", "config", tmp_path / "prometheus.yml") == ""


@pytest.mark.skipif(not shutil.which("amtool"), reason="amtool is not installed")
def test_amtool_accepts_alertmanagers_config_with_its_secret(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("https://hooks.slack.com/services/T0/B0/none")
    text = (
        (PLACES / "alertmanager.yml").read_text().replace("/run/secrets/slack-webhook-url", f"{tmp_path}/url")
    )
    (tmp_path / "alertmanager.yml").write_text(text)
    assert judged("amtool", "check-config", tmp_path / "alertmanager.yml") == ""


def has_compose() -> bool:
    return bool(shutil.which("docker")) and judged("docker", "compose", "version") == ""


@pytest.mark.slow
@pytest.mark.skipif(not has_compose(), reason="docker compose is not installed")
def test_docker_compose_accepts_it() -> None:
    assert judged("docker", "compose", "config", "-q") == ""
