"""The manifests for Kubernetes against the code and the image: ports, probes, folders; and their schemas."""

import re
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from app.config.layers import RESERVED, secret_files
from app.config.load import load_config
from app.web.gate import OPEN_PATHS

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "deploy" / "kubernetes"
OLDEST, NEWEST = "1.29", "1.33"
KUSTOMIZATION: dict[str, Any] = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())
OWN = [
    name for name in KUSTOMIZATION["resources"] if name != "servicemonitor.yaml"
]  # no kind of Kubernetes' own


def manifest(name: str) -> Any:
    return yaml.safe_load((FOLDER / name).read_text())


def pod() -> Any:
    return manifest("deployment.yaml")["spec"]["template"]["spec"]


def container() -> Any:
    [one] = pod()["containers"]
    return one


@pytest.mark.parametrize("version", [OLDEST, NEWEST])
@pytest.mark.parametrize("name", OWN)
def test_kubernetes_takes_it(name: str, version: str) -> None:
    kubernetes_validate.validate(manifest(name), version, strict=True)


def test_every_file_is_part_of_the_whole() -> None:
    files = {path.name for path in FOLDER.glob("*.yaml")}
    [config] = KUSTOMIZATION["configMapGenerator"]
    assert files == {*KUSTOMIZATION["resources"], *config["files"], "kustomization.yaml"}


def test_its_config_loads_and_touches_nothing() -> None:
    config = load_config(FOLDER / "config.yaml", {})
    assert config.mode.value == "observe"
    assert config.ledger_url.startswith("dynamodb://")  # a pod's disk is gone when it ends


def test_everything_speaks_of_the_port_that_is_served() -> None:
    port = load_config(FOLDER / "config.yaml", {}).http.port
    assert container()["ports"] == [{"name": "http", "containerPort": port}]
    [served] = manifest("service.yaml")["spec"]["ports"]
    assert (served["name"], served["port"], served["targetPort"]) == ("http", port, "http")
    [ingress] = manifest("networkpolicy.yaml")["spec"]["ingress"]
    assert ingress["ports"] == [{"port": port}]


def test_probes_and_prometheus_ask_for_what_answers_everywhere() -> None:
    probes = {kind: container()[f"{kind}Probe"]["httpGet"] for kind in ("liveness", "readiness")}
    assert probes["liveness"] == {"path": "/healthz", "port": "http"}
    assert probes["readiness"] == {"path": "/readyz", "port": "http"}
    [endpoint] = manifest("servicemonitor.yaml")["spec"]["endpoints"]
    assert (endpoint["port"], endpoint["path"]) == ("http", "/metrics")
    assert {"/healthz", "/readyz", "/metrics"} == OPEN_PATHS


def test_labels_find_their_pods() -> None:
    deployment, wanted = manifest("deployment.yaml"), {"app.kubernetes.io/name": "keysteward"}
    assert deployment["spec"]["template"]["metadata"]["labels"] == wanted
    assert deployment["spec"]["selector"]["matchLabels"] == wanted
    assert manifest("service.yaml")["spec"]["selector"] == wanted
    assert manifest("service.yaml")["metadata"]["labels"] == wanted
    assert manifest("servicemonitor.yaml")["spec"]["selector"]["matchLabels"] == wanted
    assert manifest("networkpolicy.yaml")["spec"]["podSelector"]["matchLabels"] == wanted


def test_it_runs_as_the_images_user_and_writes_to_two_folders_only() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    user = pod()["securityContext"]
    assert f"USER {user['runAsUser']}:{user['runAsGroup']}" in dockerfile
    assert container()["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    written = {one["mountPath"] for one in container()["volumeMounts"] if not one.get("readOnly")}
    assert written == {"/tmp", *re.findall(r'VOLUME \["(.+)"\]', dockerfile)}


def test_one_at_a_time() -> None:
    spec = manifest("deployment.yaml")["spec"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})


def test_secrets_are_files_that_the_service_reads(tmp_path: Path) -> None:
    """As kubelet lays them: links into a folder that is changed as a whole."""
    variables = {one["name"]: one["value"] for one in container()["env"]}
    [mount] = [one for one in container()["volumeMounts"] if one["name"] == "secrets"]
    assert "KEYSTEWARD_SECRETS_DIR" in RESERVED
    assert variables["KEYSTEWARD_SECRETS_DIR"] == mount["mountPath"]
    (tmp_path / "..2026").mkdir()
    (tmp_path / "..2026" / "KEYSTEWARD_SINKS__SLACK__TOKEN").write_text("xoxb-1\n")
    (tmp_path / "..data").symlink_to("..2026")
    (tmp_path / "KEYSTEWARD_SINKS__SLACK__TOKEN").symlink_to("..data/KEYSTEWARD_SINKS__SLACK__TOKEN")
    assert secret_files(tmp_path) == {"KEYSTEWARD_SINKS__SLACK__TOKEN": "xoxb-1"}


def test_no_secret_is_written_down() -> None:
    assert not [path.name for path in FOLDER.glob("*.yaml") if manifest(path.name).get("kind") == "Secret"]
